import Database from 'better-sqlite3';

/** What the events of one write say: where it became part of its plan, and which nodes it moved to which state. */
export type StoredWrite = {
  readonly planId: string;
  readonly revisions: ReadonlySet<number>;
  readonly states: ReadonlyMap<string, number>;
};

export type StoredNode = { readonly state: number; readonly version: number; readonly revision: number };

/** A database as a client's ledger can be held against it. */
export type History = {
  readonly plans: ReadonlySet<string>;
  /** By the write's tag. */
  readonly writes: ReadonlyMap<string, StoredWrite>;
  /** The revision of the write, by the request_id, which is its tag. */
  readonly requests: ReadonlyMap<string, number>;
  /** By plan and `check:ID` or `stage:ID`. */
  readonly nodes: ReadonlyMap<string, StoredNode>;
  /** Everything that is stored about FINAL nodes, as text. */
  readonly finals: ReadonlyMap<string, string>;
};

type EventRow = { plan: string; revision: number; node: string; state: number; tag: string };
type RequestRow = { tag: string; revision: number };
type NodeRow = { key: string; state: number; version: number; revision: number };
type FinalRow = { key: string; content: string };

/** The tags of this test's writes contain a #, the server's own reasons do not. */
const EVENTS = `SELECT work_plan_id AS plan, revision, node_type || ':' || node_id AS node, new_state AS state, reason AS tag
  FROM events WHERE reason LIKE '%#%' AND node_type <> 'plan'`;

const REQUESTS = "SELECT request_id AS tag, revision FROM requests WHERE request_id LIKE '%#%'";

const NODES = `
  SELECT work_plan_id || '/check:' || id AS key, state, version, revision FROM checks UNION ALL
  SELECT work_plan_id || '/stage:' || id, state, version, revision FROM stages`;

const FINALS = `
  SELECT work_plan_id || '/check:' || c.id AS key, json_array(kind, options_json, c.created_at, updated_at, version,
    revision, outcome, (SELECT json_group_array(json_array(r.id, owner_type, owner_id, data_json, finalized_at,
      failure_message)) FROM check_results r WHERE r.work_plan_id = c.work_plan_id AND r.check_id = c.id)) AS content
  FROM checks c WHERE state = 40
  UNION ALL
  SELECT work_plan_id || '/stage:' || id, json_array(args_json, created_at, updated_at, version, revision, outcome,
    concluded_reason, (SELECT json_group_array(json_array(idx, state, process_uid, ended_at, failure_message,
      progress_count)) FROM stage_attempts a WHERE a.work_plan_id = s.work_plan_id AND a.stage_id = s.id))
  FROM stages s WHERE state = 40`;

/** Reads a database file as of one moment, over a connection of its own. */
export function readHistory(path: string): History {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    return database.transaction(() => ({
      plans: new Set(database.prepare<[], string>('SELECT id FROM work_plans').pluck().all()),
      writes: storedWrites(database.prepare<[], EventRow>(EVENTS).all()),
      requests: new Map(
        database
          .prepare<[], RequestRow>(REQUESTS)
          .all()
          .map((row) => [row.tag, row.revision]),
      ),
      nodes: new Map(
        database
          .prepare<[], NodeRow>(NODES)
          .all()
          .map((row) => [row.key, row]),
      ),
      finals: new Map(
        database
          .prepare<[], FinalRow>(FINALS)
          .all()
          .map((row) => [row.key, row.content]),
      ),
    }))();
  } finally {
    database.close();
  }
}

function storedWrites(rows: readonly EventRow[]): ReadonlyMap<string, StoredWrite> {
  const writes = new Map<string, { planId: string; revisions: Set<number>; states: Map<string, number> }>();
  for (const { plan, revision, node, state, tag } of rows) {
    const write = writes.get(tag) ?? { planId: plan, revisions: new Set(), states: new Map() };
    writes.set(tag, write);
    write.revisions.add(revision);
    write.states.set(node, state);
  }
  return writes;
}
