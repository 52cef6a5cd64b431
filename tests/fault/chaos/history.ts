import Database from 'better-sqlite3';

/** A change of an attempt, as an event tells it. */
export type AttemptChange = {
  readonly plan: string;
  readonly stage: string;
  readonly idx: number;
  readonly at: number;
  readonly state: string;
  readonly oldState: string | undefined;
  readonly executionId: string | undefined;
  readonly runnerId: string | undefined;
  readonly runnerType: string;
  readonly dispatch: string | undefined;
  readonly deadline: number | undefined;
  readonly failureReason: string | undefined;
};

/** An attempt as it is stored, with the tokens of what its runner said. */
export type StoredAttempt = {
  readonly plan: string;
  readonly stage: string;
  readonly idx: number;
  readonly state: number;
  readonly executionId: string | null;
  readonly token: string | null;
  /** The progress in words. */
  readonly said: readonly string[];
  /** The tokens of its results, by check. */
  readonly results: ReadonlyMap<string, string | null>;
};

/** A database as the logs of the runners and the knowledge of authors can be held against it. */
export type ChaosHistory = {
  /** Of each plan in the order in which they happened. */
  readonly changes: readonly AttemptChange[];
  readonly attempts: readonly StoredAttempt[];
  /** The nodes that are FINAL, by plan; as `check:ID` and `stage:ID`. */
  readonly finals: ReadonlyMap<string, readonly string[]>;
  /** The events with which nodes became FINAL, by plan. */
  readonly ends: ReadonlyMap<string, readonly string[]>;
  /** Plans that are not over, and why. */
  readonly open: readonly string[];
};

type ChangeRow = Pick<AttemptChange, 'plan' | 'stage' | 'at' | 'runnerType'> & { readonly attempt: string };
type NodeRow = { readonly plan: string; readonly node: string };
type AttemptRow = Omit<StoredAttempt, 'said' | 'results'> & { readonly said: string; readonly results: string };

const CHANGES = `SELECT e.work_plan_id AS plan, e.node_id AS stage, e.at, e.change_json ->> '$.runnerType' AS runnerType,
    a.value AS attempt
  FROM events e, json_each(e.change_json, '$.attempts') a
  WHERE e.node_type = 'stage' ORDER BY e.work_plan_id, e.revision, e.seq`;

const ATTEMPTS = `SELECT a.work_plan_id AS plan, stage_id AS stage, idx, state, execution_id AS executionId,
    details_json ->> '$.token' AS token,
    (SELECT json_group_array(message) FROM attempt_progress p
      WHERE p.work_plan_id = a.work_plan_id AND p.stage_id = a.stage_id AND p.idx = a.idx) AS said,
    (SELECT json_group_array(json_array(check_id, data_json ->> '$.token')) FROM check_results r
      WHERE r.work_plan_id = a.work_plan_id AND r.owner_type = 'stage_attempt'
        AND r.owner_id = a.stage_id || ':' || a.idx) AS results
  FROM stage_attempts a`;

const FINALS = `SELECT work_plan_id AS plan, 'check:' || id AS node FROM checks WHERE state = 40
  UNION ALL SELECT work_plan_id, 'stage:' || id FROM stages WHERE state = 40`;

const ENDS = `SELECT work_plan_id AS plan, node_type || ':' || node_id AS node FROM events
  WHERE node_type <> 'plan' AND new_state = 40 AND old_state IS NOT 40`;

const OPEN = `SELECT id || ' is in state ' || state || ' with ' || (checks_planning + checks_planned + checks_waiting) ||
    ' open checks and ' || (stages_planned + stages_attempting + stages_awaiting_group) || ' open stages'
  FROM work_plans WHERE state = 10 OR checks_planning + checks_planned + checks_waiting + stages_planned
    + stages_attempting + stages_awaiting_group > 0`;

/** Reads a database file as of one moment, over a connection of its own. */
export function readChaosHistory(path: string): ChaosHistory {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    return database.transaction(() => ({
      changes: database.prepare<[], ChangeRow>(CHANGES).all().map(toChange),
      attempts: database.prepare<[], AttemptRow>(ATTEMPTS).all().map(toAttempt),
      finals: byPlan(database.prepare<[], NodeRow>(FINALS).all()),
      ends: byPlan(database.prepare<[], NodeRow>(ENDS).all()),
      open: database.prepare<[], string>(OPEN).pluck().all(),
    }))();
  } finally {
    database.close();
  }
}

function toChange({ attempt, ...row }: ChangeRow): AttemptChange {
  const { idx, state, oldState, executionId, runnerId, dispatch, deadline, failure } = JSON.parse(attempt);
  return { ...row, idx, state, oldState, executionId, runnerId, dispatch, deadline, failureReason: failure?.reason };
}

function toAttempt({ said, results, ...row }: AttemptRow): StoredAttempt {
  return { ...row, said: JSON.parse(said), results: new Map(JSON.parse(results)) };
}

function byPlan(rows: readonly NodeRow[]): ReadonlyMap<string, readonly string[]> {
  const plans = new Map<string, string[]>();
  for (const { plan, node } of rows) {
    const nodes = plans.get(plan);
    if (nodes === undefined) plans.set(plan, [node]);
    else nodes.push(node);
  }
  return plans;
}
