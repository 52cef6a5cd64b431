import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  NodeType,
  PredicateType,
  StageState,
} from '../../gen/turboci/v1/common_pb.js';
import { startServer } from '../../src/server.ts';
import { TestClient, turboci } from './client.ts';
import { findViolations, ruleNames } from './invariants.ts';
import { scratchFolder } from './scratch.ts';

/** The attempt that waits for the end of its backoff. */
const LIVE = "WHERE stage_id = 'running' AND idx = 2";

/** One edit behind the server's back for each rule, named by words of the rule that it must break. */
const CORRUPTIONS: readonly (readonly [rule: string, sql: string])[] = [
  ['revisions of a plan', 'UPDATE work_plans SET version = version + 1'],
  ['revisions of a plan', 'DELETE FROM events WHERE revision = 3'],
  ['events of a revision', 'DELETE FROM events WHERE revision = 2 AND seq = 2'],
  ["node's version counts", "UPDATE checks SET version = version + 1 WHERE id = 'done'"],
  ["node's version counts", "UPDATE stages SET state = 10 WHERE id = 'parent'"],
  ['events of a node form one path', "UPDATE events SET old_state = 20 WHERE node_id = 'done' AND old_state IS NULL"],
  ['event of a node has its node', "UPDATE events SET node_id = 'nobody' WHERE node_id = 'waits'"],
  ["plan's counters", 'UPDATE work_plans SET checks_final = checks_final + 1'],
  ["plan's counters", 'UPDATE work_plans SET nodes_failed = nodes_failed + 1'],
  ['COMPLETE exactly when', 'UPDATE work_plans SET state = 20, outcome = 1'],
  ["group's tallies", "UPDATE dependency_groups SET satisfied = 0 WHERE source_id = 'waits' AND group_index = 0"],
  ["group's tallies", "DELETE FROM dependencies WHERE source_id = 'waits' AND target_id = 'open'"],
  ['edge has its two nodes', "UPDATE dependencies SET target_id = 'nobody' WHERE target_id = 'open'"],
  [
    'tracked edge is resolved',
    "UPDATE dependencies SET resolved = 0, satisfied = NULL, resolved_at = NULL WHERE target_id = 'done'",
  ],
  ['tracked edge is resolved', "UPDATE dependencies SET satisfied = 0 WHERE target_id = 'done'"],
  [
    'edges are tracked',
    "UPDATE dependencies SET tracked = 0, resolved = 0, satisfied = NULL, resolved_at = NULL WHERE source_id = 'waits'",
  ],
  ['moves on exactly when', "UPDATE checks SET state = 30 WHERE id = 'waits'"],
  ['moves on exactly when', "UPDATE stages SET state = 10 WHERE id = 'running'"],
  [
    'attempts are numbered',
    "UPDATE stage_attempts SET state = 40, ended_at = 1, due_at = NULL WHERE stage_id = 'running' AND idx = 2",
  ],
  ['attempts are numbered', "UPDATE stages SET attempt_count = 7 WHERE id = 'running'"],
  ["attempt's execution", `UPDATE stage_attempts SET dispatch = 2 ${LIVE}`],
  ["attempt's execution", `UPDATE stage_attempts SET execution_id = 'e' ${LIVE}`],
  ["attempt's execution", `UPDATE stage_attempts SET runner_id = 'r' ${LIVE}`],
  ["attempt's execution", `UPDATE stage_attempts SET execution_id = 'e', dispatch = 1, runner_id = 'r' ${LIVE}`],
  [
    "attempt's execution",
    `UPDATE stage_attempts SET execution_id = 'e', dispatch = 2, state = 20, confirm_by = 1 ${LIVE}`,
  ],
  [
    "attempt's execution",
    `UPDATE stage_attempts SET execution_id = 'e', dispatch = 4, state = 10, confirm_by = 1 ${LIVE}`,
  ],
  ["attempt's execution", `UPDATE stage_attempts SET answer_digest = 'd' ${LIVE}`],
  [
    'executed under one id',
    "DROP INDEX idx_stage_attempts_execution; UPDATE stage_attempts SET execution_id = 'e', dispatch = 1",
  ],
  ["attempt's queue", "UPDATE stage_attempts SET queue = 'builtin'"],
  ["attempt's queue", "UPDATE stages SET runner_type = 'docker'"],
  [
    "attempt's queue",
    "UPDATE stages SET runner_type = 'd'; UPDATE stage_attempts SET runner_type = 'd', queue = 'ASYNC:d'",
  ],
  ['attempt is due', `UPDATE stage_attempts SET due_at = 1 ${LIVE}`],
  ['handed out is due at some time', `UPDATE stage_attempts SET execution_id = 'e', dispatch = 1 ${LIVE}`],
  ['attempt is due', `UPDATE stage_attempts SET deadline = 1 ${LIVE}`],
  ['attempt is due', `UPDATE stage_attempts SET deadline = 2, confirm_by = 1, due_at = 2 ${LIVE}`],
  ['attempt is due', 'UPDATE stage_attempts SET deadline = 1, due_at = 1 WHERE idx = 1'],
  ['stage is due', "UPDATE stages SET due_at = NULL WHERE id = 'running'"],
  ['stage is due', "UPDATE stages SET due_at = due_at + 1 WHERE id = 'running'"],
  ['stage is due', "UPDATE stages SET timed_out = 1 WHERE id = 'running'"],
  ['stage is due', "UPDATE stages SET state = 40 WHERE id = 'running'"],
  ["attempt's progress", 'DELETE FROM attempt_progress WHERE position = 0'],
  ['counts its open children', "UPDATE stages SET open_children = 0 WHERE id = 'parent'"],
  [
    'has something to wait for',
    "UPDATE stages SET state = 40, outcome = 1 WHERE id = 'running'; UPDATE stages SET open_children = 0 WHERE id = 'parent'",
  ],
  ['check counts its results', "UPDATE checks SET result_count = 0 WHERE id = 'done'"],
  ['check counts its results', 'UPDATE check_results SET finalized_at = NULL'],
  ['check counts its results', "UPDATE check_results SET failure_message = 'no', failure_reason = '', failure_at = 1"],
  ['remembered request', 'UPDATE requests SET revision = 1000'],
  ['foreign keys', "DELETE FROM checks WHERE id = 'done'"],
];

test('the invariants hold for a healthy database, and each of them notices what breaks it', async () => {
  const folder = await scratchFolder();
  const healthy = join(folder, 'healthy.db');
  await writeGraph(healthy);
  expect(findViolations(healthy)).toEqual([]);

  const broken = new Set<string>();
  for (const [index, [rule, sql]] of CORRUPTIONS.entries()) {
    const path = join(folder, `broken-${index}.db`);
    copyFileSync(healthy, path);
    const database = new Database(path);
    database.exec(`PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; ${sql}`);
    database.close();
    const rules = findViolations(path).map((violation) => violation.rule);
    expect(rules.join('\n'), sql).toContain(rule);
    for (const found of rules) broken.add(found);
  }
  expect(ruleNames.filter((name) => !broken.has(name))).toEqual([]);
});

/** A plan with something of everything that the rules speak of. */
async function writeGraph(path: string): Promise<void> {
  const server = await startServer({ sqlitePath: path, port: 0 });
  const client = new TestClient(server.address);
  const api = turboci(client);
  const { workPlan } = await api.createWorkPlan({});
  const workPlanId = workPlan?.id ?? '';
  const open = { targetType: NodeType.CHECK, targetId: 'open' };
  const done = { targetType: NodeType.CHECK, targetId: 'done', condition: DependencyCondition.SUCCEEDED };
  const result = { ownerType: 'test', ownerId: 'test', data: { ok: true } };
  await api.writeNodes({
    workPlanId,
    requestId: 'graph',
    checks: [
      { id: 'open', state: CheckState.PLANNED },
      { id: 'done', state: CheckState.FINAL, result },
      {
        id: 'waits',
        state: CheckState.PLANNED,
        dependencies: { dependencies: [open], groups: [{ predicate: PredicateType.OR, dependencies: [done] }] },
      },
    ],
    stages: [{ id: 'parent', currentAttempt: { processUid: 'p', progress: { message: 'one' } } }],
  });
  const attempt = { stageId: 'parent', attemptIdx: 1, processUid: 'p' };
  const policy = { backoffInitial: { nanos: 1_000_000 }, stageTimeout: { seconds: 3600n } };
  const failed = { state: AttemptState.INCOMPLETE, processUid: 'c', failure: { message: 'no' } };
  await api.writeNodes({
    workPlanId,
    attempt,
    stages: [{ id: 'running', executionPolicy: policy, currentAttempt: failed }],
  });
  await api.writeNodes({ workPlanId, stages: [{ id: 'parent', state: StageState.AWAITING_GROUP }] });
  client.close();
  await server.stop();
}
