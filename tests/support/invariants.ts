import Database from 'better-sqlite3';

/** Rows that break a rule of the database, the first few of them. */
export type Violation = { readonly rule: string; readonly rows: readonly unknown[] };

/** A rule as the query that finds what breaks it. */
type Rule = { readonly name: string; readonly sql: string };

const SHOWN_ROWS = 5;

/** Children of a group as members of it: nested groups that have resolved, and edges. */
const MEMBERS = `
  SELECT work_plan_id, source_type, source_id, purpose, group_index, 1 AS member,
    resolved = 1 AND satisfied = 1 AS satisfied, resolved = 1 AND satisfied = 0 AS unsatisfied
  FROM dependencies
  UNION ALL
  SELECT work_plan_id, source_type, source_id, purpose, parent_index, 1,
    satisfied >= need, satisfied < need AND members - unsatisfied < need
  FROM dependency_groups WHERE parent_index IS NOT NULL`;

const NODES = `
  SELECT work_plan_id, 'check' AS type, id, state, outcome, version, revision FROM checks
  UNION ALL
  SELECT work_plan_id, 'stage', id, state, outcome, version, revision FROM stages`;

/** How each node's dependencies stand: without a group they are satisfied. */
const ROOTS = `
  SELECT n.work_plan_id, n.type, n.id, n.state, p.state AS plan_state,
    g.source_id IS NULL OR g.satisfied >= g.need AS satisfied,
    g.source_id IS NOT NULL AND g.satisfied < g.need AND g.members - g.unsatisfied < g.need AS unsatisfiable
  FROM (${NODES}) n
  JOIN work_plans p ON p.id = n.work_plan_id
  LEFT JOIN dependency_groups g ON g.work_plan_id = n.work_plan_id AND g.source_type = n.type
    AND g.source_id = n.id AND g.purpose = 1 AND g.group_index = 0`;

const RULES: readonly Rule[] = [
  {
    name: 'the revisions of a plan run from 1 to its version without a gap',
    sql: `SELECT p.id, p.version, e.least, e.most, e.revisions FROM work_plans p
      LEFT JOIN (SELECT work_plan_id, min(revision) AS least, max(revision) AS most, count(DISTINCT revision) AS revisions
        FROM events GROUP BY work_plan_id) e ON e.work_plan_id = p.id
      WHERE e.least IS NOT 1 OR e.most IS NOT p.version OR e.revisions IS NOT p.version`,
  },
  {
    name: 'the events of a revision are numbered from 1 without a gap',
    sql: `SELECT work_plan_id, revision, min(seq), max(seq), count(*) FROM events
      GROUP BY work_plan_id, revision HAVING min(seq) <> 1 OR max(seq) <> count(*)`,
  },
  {
    name: "a node's version counts the revisions that changed it, and its row is as its last event says",
    // The new_state of a group is that of the row with the greatest revision: SQLite promises it beside a single max().
    sql: `SELECT n.*, e.* FROM (${NODES}) n
      LEFT JOIN (SELECT work_plan_id, node_type AS type, node_id AS id, count(DISTINCT revision) AS revisions,
        max(revision) AS last, new_state FROM events GROUP BY 1, 2, 3) e USING (work_plan_id, type, id)
      WHERE e.revisions IS NOT n.version OR e.last IS NOT n.revision OR e.new_state IS NOT n.state`,
  },
  {
    name: 'the events of a node form one path: each starts where the one before ended, none goes back, none follows FINAL',
    sql: `SELECT * FROM (
        SELECT work_plan_id, node_type, node_id, revision, old_state, new_state, lag(new_state)
          OVER (PARTITION BY work_plan_id, node_type, node_id ORDER BY revision, seq) AS before
        FROM events WHERE node_type <> 'plan')
      WHERE old_state IS NOT before OR before = 40 OR new_state < old_state`,
  },
  {
    name: 'every event of a node has its node',
    sql: `SELECT work_plan_id, node_type, node_id FROM events WHERE node_type <> 'plan'
      EXCEPT SELECT work_plan_id, type, id FROM (${NODES})`,
  },
  {
    name: "a plan's counters equal its rows",
    sql: `SELECT p.*, c.*, s.* FROM work_plans p
      LEFT JOIN (SELECT work_plan_id, sum(state = 10) AS c10, sum(state = 20) AS c20, sum(state = 30) AS c30,
        sum(state = 40) AS c40, sum(outcome IS 2) AS failed, sum(outcome IS 3) AS cancelled
        FROM checks GROUP BY 1) c ON c.work_plan_id = p.id
      LEFT JOIN (SELECT work_plan_id, sum(state = 10) AS s10, sum(state = 20) AS s20, sum(state = 30) AS s30,
        sum(state = 40) AS s40, sum(outcome IS 2) AS failed, sum(outcome IS 3) AS cancelled
        FROM stages GROUP BY 1) s ON s.work_plan_id = p.id
      WHERE checks_planning <> ifnull(c10, 0) OR checks_planned <> ifnull(c20, 0) OR checks_waiting <> ifnull(c30, 0)
        OR checks_final <> ifnull(c40, 0) OR stages_planned <> ifnull(s10, 0) OR stages_attempting <> ifnull(s20, 0)
        OR stages_awaiting_group <> ifnull(s30, 0) OR stages_final <> ifnull(s40, 0)
        OR nodes_failed <> ifnull(c.failed, 0) + ifnull(s.failed, 0)
        OR nodes_cancelled <> ifnull(c.cancelled, 0) + ifnull(s.cancelled, 0)`,
  },
  {
    name: 'a plan that is not cancelled is COMPLETE exactly when it has nodes and all are FINAL',
    sql: `SELECT p.id, p.state, n.nodes, n.open FROM work_plans p
      LEFT JOIN (SELECT work_plan_id, count(*) AS nodes, sum(state < 40) AS open FROM (${NODES}) GROUP BY 1) n
        ON n.work_plan_id = p.id
      WHERE p.state <> 30 AND (p.state = 20) <> (ifnull(n.nodes, 0) > 0 AND ifnull(n.open, 0) = 0)`,
  },
  {
    name: "a group's tallies equal its edges and nested groups",
    sql: `SELECT g.*, m.* FROM dependency_groups g
      LEFT JOIN (SELECT work_plan_id, source_type, source_id, purpose, group_index, sum(member) AS n,
        sum(satisfied) AS s, sum(unsatisfied) AS u FROM (${MEMBERS}) GROUP BY 1, 2, 3, 4, 5) m
        USING (work_plan_id, source_type, source_id, purpose, group_index)
      WHERE g.members <> ifnull(m.n, 0) OR g.satisfied <> ifnull(m.s, 0) OR g.unsatisfied <> ifnull(m.u, 0)
        OR (g.predicate_type = 'AND' AND g.need <> g.members)`,
  },
  {
    name: 'an edge has its two nodes and its group',
    sql: `SELECT d.* FROM dependencies d
      LEFT JOIN (${NODES}) s ON s.work_plan_id = d.work_plan_id AND s.type = d.source_type AND s.id = d.source_id
      LEFT JOIN (${NODES}) t ON t.work_plan_id = d.work_plan_id AND t.type = d.target_type AND t.id = d.target_id
      LEFT JOIN dependency_groups g ON g.work_plan_id = d.work_plan_id AND g.source_type = d.source_type
        AND g.source_id = d.source_id AND g.purpose = d.purpose AND g.group_index = d.group_index
      WHERE s.id IS NULL OR t.id IS NULL OR g.source_id IS NULL`,
  },
  {
    name: 'a tracked edge is resolved exactly when its target is FINAL, and as its condition says',
    sql: `SELECT d.*, t.state, t.outcome FROM dependencies d
      JOIN (${NODES}) t ON t.work_plan_id = d.work_plan_id AND t.type = d.target_type AND t.id = d.target_id
      WHERE d.resolved <> (d.tracked = 1 AND t.state = 40)
        OR (d.resolved = 1 AND d.satisfied <> CASE d.condition WHEN 1 THEN 1 WHEN 2 THEN t.outcome = 1 ELSE t.outcome = 2 END)`,
  },
  {
    name: 'edges are tracked from the moment on at which their source waits for them',
    sql: `SELECT d.work_plan_id, d.source_type, d.source_id, d.purpose, d.tracked, s.state FROM dependencies d
      JOIN (${NODES}) s ON s.work_plan_id = d.work_plan_id AND s.type = d.source_type AND s.id = d.source_id
      WHERE (d.source_type = 'stage' AND d.purpose = 1 AND d.tracked = 0)
        OR (d.source_type = 'stage' AND d.purpose = 2 AND d.tracked = 0 AND s.state = 30)
        OR (d.source_type = 'stage' AND d.purpose = 2 AND d.tracked = 1 AND s.state < 30)
        OR (d.source_type = 'check' AND d.tracked = 0 AND s.state IN (20, 30))
        OR (d.source_type = 'check' AND d.tracked = 1 AND s.state = 10)`,
  },
  {
    name: 'a node moves on exactly when its dependencies say so',
    sql: `SELECT * FROM (${ROOTS}) WHERE
      (type = 'stage' AND state IN (20, 30) AND NOT satisfied)
      OR (type = 'stage' AND state = 10 AND (satisfied OR unsatisfiable))
      OR (type = 'check' AND state = 30 AND NOT satisfied)
      OR (type = 'check' AND state = 20 AND plan_state <> 30 AND (satisfied OR unsatisfiable))`,
  },
  {
    name: 'attempts are numbered from 1, only the last of an ATTEMPTING stage is live, and it is',
    sql: `SELECT s.work_plan_id, s.id, s.state, s.attempt_count, a.* FROM stages s
      LEFT JOIN (SELECT work_plan_id, stage_id, count(*) AS n, max(idx) AS last, sum(state < 30) AS live,
        max(CASE WHEN state < 30 THEN idx END) AS live_idx FROM stage_attempts GROUP BY 1, 2) a
        ON a.work_plan_id = s.work_plan_id AND a.stage_id = s.id
      WHERE ifnull(a.n, 0) <> s.attempt_count OR ifnull(a.last, 0) <> s.attempt_count
        OR ifnull(a.live, 0) <> (s.state = 20) OR (s.state = 20 AND a.live_idx IS NOT s.attempt_count)`,
  },
  {
    name: "an attempt's execution, dispatch, runner, confirmation and answer fit together",
    sql: `SELECT work_plan_id, stage_id, idx, state, execution_id, dispatch, runner_id, confirm_by, answer_digest
      FROM stage_attempts
      WHERE (execution_id IS NULL) <> (dispatch IS NULL)
        OR (runner_id IS NOT NULL AND (dispatch IS NULL OR dispatch = 1))
        OR (confirm_by IS NOT NULL AND NOT (dispatch IS 4 AND state = 20))
        OR (answer_digest IS NOT NULL AND state < 30)`,
  },
  {
    name: 'no two attempts are executed under one id',
    sql: `SELECT execution_id, count(*) FROM stage_attempts WHERE execution_id IS NOT NULL
      GROUP BY execution_id HAVING count(*) > 1`,
  },
  {
    name: "an attempt's queue is that of its stage's runner type and mode",
    sql: `SELECT a.work_plan_id, a.stage_id, a.idx, a.runner_type, a.queue, s.runner_type, s.execution_mode
      FROM stage_attempts a JOIN stages s ON s.work_plan_id = a.work_plan_id AND s.id = a.stage_id
      WHERE a.runner_type <> s.runner_type OR a.queue IS NOT CASE
        WHEN s.runner_type = '' THEN NULL
        WHEN s.runner_type GLOB 'builtin/*' THEN 'builtin'
        WHEN s.execution_mode = 1 THEN 'SYNC:' || s.runner_type
        ELSE 'ASYNC:' || s.runner_type END`,
  },
  {
    name: 'an attempt is due at the earliest of its times while it is live',
    sql: `SELECT work_plan_id, stage_id, idx, state, due_at, deadline, heartbeat_by, cancel_by, confirm_by
      FROM stage_attempts a
      WHERE due_at IS NOT CASE WHEN state < 30 THEN (
        SELECT min(at) FROM (SELECT a.deadline AS at UNION ALL SELECT a.heartbeat_by UNION ALL SELECT a.cancel_by
          UNION ALL SELECT a.confirm_by)) END`,
  },
  {
    name: 'a live attempt that was handed out is due at some time',
    sql: `SELECT work_plan_id, stage_id, idx, state, dispatch FROM stage_attempts
      WHERE dispatch IS NOT NULL AND state < 30 AND due_at IS NULL`,
  },
  {
    name: 'a stage is due when its timeout passes, until it is FINAL or that was acted on',
    sql: `SELECT work_plan_id, id, state, timed_out, created_at, policy_stage_timeout_ms, due_at FROM stages
      WHERE due_at IS NOT CASE WHEN state < 40 AND timed_out = 0 AND policy_stage_timeout_ms > 0
        THEN created_at + policy_stage_timeout_ms END`,
  },
  {
    name: "an attempt's progress is numbered from 0 and counted",
    sql: `SELECT a.work_plan_id, a.stage_id, a.idx, a.progress_count, p.n, p.last FROM stage_attempts a
      LEFT JOIN (SELECT work_plan_id, stage_id, idx, count(*) AS n, max(position) AS last FROM attempt_progress
        GROUP BY 1, 2, 3) p USING (work_plan_id, stage_id, idx)
      WHERE ifnull(p.n, 0) <> a.progress_count OR ifnull(p.last, -1) <> a.progress_count - 1`,
  },
  {
    name: 'a stage counts its open children',
    sql: `SELECT s.work_plan_id, s.id, s.open_children, c.n FROM stages s
      LEFT JOIN (SELECT work_plan_id, parent_stage_id AS id, sum(state < 40) AS n FROM stages
        WHERE parent_stage_id IS NOT NULL GROUP BY 1, 2) c USING (work_plan_id, id)
      WHERE s.open_children <> ifnull(c.n, 0)`,
  },
  {
    name: 'a stage AWAITING_GROUP has something to wait for',
    sql: `SELECT s.work_plan_id, s.id, s.open_children, g.need, g.satisfied FROM stages s
      LEFT JOIN dependency_groups g ON g.work_plan_id = s.work_plan_id AND g.source_type = 'stage'
        AND g.source_id = s.id AND g.purpose = 2 AND g.group_index = 0
      WHERE s.state = 30 AND CASE s.has_continuation_group
        WHEN 0 THEN s.open_children = 0
        ELSE g.source_id IS NULL OR g.satisfied >= g.need OR g.members - g.unsatisfied < g.need END`,
  },
  {
    name: 'a check counts its results, those of a FINAL check are finalized, and they explain its outcome',
    sql: `SELECT c.work_plan_id, c.id, c.state, c.outcome, c.result_count, r.* FROM checks c
      LEFT JOIN (SELECT work_plan_id, check_id, count(*) AS n, sum(finalized_at IS NULL) AS open,
        sum(superseded = 0 AND failure_message IS NOT NULL) AS failures FROM check_results GROUP BY 1, 2) r
        ON r.work_plan_id = c.work_plan_id AND r.check_id = c.id
      WHERE c.result_count <> ifnull(r.n, 0) OR (c.state = 40 AND ifnull(r.open, 0) > 0)
        OR (c.outcome IN (1, 2) AND (c.outcome = 2) <> (ifnull(r.failures, 0) > 0))`,
  },
  {
    name: 'a remembered request belongs to a revision that exists',
    sql: `SELECT r.* FROM requests r LEFT JOIN work_plans p ON p.id = r.work_plan_id
      WHERE p.id IS NULL OR r.revision > p.version`,
  },
];

/** The names of all rules that are queries. */
export const ruleNames: readonly string[] = RULES.map(({ name }) => name);

/**
 * What in a database file breaks the invariants of the stored graph, found by SQL alone on a read-only connection, all
 * as of one moment. The server may be running; of its code nothing is used.
 */
export function findViolations(path: string): readonly Violation[] {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    return database.transaction(() => [...pragmaViolations(database), ...ruleViolations(database)])();
  } finally {
    database.close();
  }
}

function pragmaViolations(database: Database.Database): readonly Violation[] {
  const integrity = database.pragma('quick_check', { simple: true });
  const strays = database.prepare<[], unknown>(`SELECT * FROM pragma_foreign_key_check LIMIT ${SHOWN_ROWS}`).all();
  return [
    ...(integrity === 'ok' ? [] : [{ rule: 'the file is sound', rows: [integrity] }]),
    ...(strays.length === 0 ? [] : [{ rule: 'foreign keys hold', rows: strays }]),
  ];
}

function ruleViolations(database: Database.Database): readonly Violation[] {
  return RULES.flatMap(({ name, sql }) => {
    const rows = database.prepare<[], unknown>(`SELECT * FROM (${sql}) LIMIT ${SHOWN_ROWS}`).all();
    return rows.length === 0 ? [] : [{ rule: name, rows }];
  });
}
