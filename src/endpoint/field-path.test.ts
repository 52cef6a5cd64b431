import { expect, test } from 'vitest';
import { protoPath } from './field-path.ts';

test.each([
  [['id'], 'id'],
  [['stages', 3, 'dependencies', 'groups', 0, 'threshold'], 'stages[3].dependencies.groups[0].threshold'],
  [['stages', 0, 'executionPolicy', 'stageTimeoutMs'], 'stages[0].execution_policy.stage_timeout'],
  [['workPlanId'], 'work_plan_id'],
  [['stages', 1, 'args', 'fooBar', 2, 'timeoutMs'], 'stages[1].args.fooBar[2].timeoutMs'],
  [['checks', 0, 'options', 'a key', 'b'], 'checks[0].options["a key"].b'],
  [['metadata', 'myKey'], 'metadata.myKey'],
  [[], ''],
])('%j is %s in the contract', (path, expected) => {
  expect(protoPath(path)).toBe(expected);
});
