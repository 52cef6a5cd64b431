import { toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CheckWriteSchema } from '../../../gen/turboci/v1/check_pb.js';
import { StageWriteSchema } from '../../../gen/turboci/v1/stage_pb.js';
import { KnownNames } from './names.ts';
import { readPlan } from './plan-file.ts';
import { problemLine } from './problem.ts';

function nodesOf(text: string) {
  const reading = readPlan(text, 'p.yaml');
  if ('problems' in reading) throw new Error(reading.problems.map(problemLine).join('\n'));
  const { checks, stages } = reading.plan.nodes;
  return {
    plan: reading.plan,
    checks: checks.map((check) => toJson(CheckWriteSchema, check)),
    stages: stages.map((stage) => toJson(StageWriteSchema, stage)),
  };
}

function problemsOf(text: string): readonly string[] {
  const reading = readPlan(text, 'p.yaml');
  return 'problems' in reading ? reading.problems.map(problemLine) : [];
}

test('a command is one stage with one attempt, and a check of its name that it answers', () => {
  const { plan, checks, stages } = nodesOf('stages: {unit: {run: npm test}}');
  expect(plan.name).toBe('p.yaml');
  expect(stages).toEqual([
    {
      id: 'unit',
      runnerType: 'builtin/process',
      args: { command: 'npm test' },
      assignments: [{ targetCheckId: 'unit', goalState: 'CHECK_STATE_FINAL' }],
      executionPolicy: { maxAttempts: 1 },
    },
  ]);
  expect(checks).toEqual([{ id: 'unit', state: 'CHECK_STATE_PLANNED' }]);
});

test('everything that a stage may say reaches the request', () => {
  const { plan, stages } = nodesOf(`
name: nightly
metadata: {commit: abc}
defaults: {attempts: 2, cwd: repo, env: {CI: true, LEVEL: 1}, backoff: {initial: 2s, max: 20s}}
checks:
  tests: {kind: test, options: {suite: [unit, e2e]}}
stages:
  unit:
    run: [npm, test]
    env: {LEVEL: 2}
    timeout: 1m30s
    results: always
    stage_timeout: 1h
    heartbeat_timeout: 5s
    attempts: 4
    backoff: {max: 5s, multiplier: 1.5}
    answers: [tests, {check: draft, goal: planned}]
  remote: {runner: bazel, mode: async, args: {target: //...}, timeout: 10s, answers: []}
  join: {noop: {delay: 10ms, fail: broken, checks: {tests: {n: 1}}}, answers: []}
  nothing: {noop: , answers: []}
`);
  expect(plan).toMatchObject({ name: 'nightly', metadata: { commit: 'abc' } });
  expect(stages).toEqual([
    {
      id: 'unit',
      runnerType: 'builtin/process',
      args: {
        command: ['npm', 'test'],
        cwd: 'repo',
        env: { CI: 'true', LEVEL: '2' },
        timeout: '1m30s',
        results: 'always',
      },
      assignments: [
        { targetCheckId: 'tests', goalState: 'CHECK_STATE_FINAL' },
        { targetCheckId: 'draft', goalState: 'CHECK_STATE_PLANNED' },
      ],
      executionPolicy: {
        maxAttempts: 4,
        attemptTimeout: '100s',
        stageTimeout: '3600s',
        heartbeatTimeout: '5s',
        backoffInitial: '2s',
        backoffMax: '5s',
        backoffMultiplier: 1.5,
      },
    },
    {
      id: 'remote',
      runnerType: 'bazel',
      executionMode: 'EXECUTION_MODE_ASYNC',
      args: { target: '//...' },
      executionPolicy: { maxAttempts: 2, attemptTimeout: '10s', backoffInitial: '2s', backoffMax: '20s' },
    },
    {
      id: 'join',
      runnerType: 'builtin/noop',
      args: { delay: '10ms', fail: 'broken', checks: { tests: { n: 1 } } },
      executionPolicy: { maxAttempts: 2, backoffInitial: '2s', backoffMax: '20s' },
    },
    {
      id: 'nothing',
      runnerType: 'builtin/noop',
      executionPolicy: { maxAttempts: 2, backoffInitial: '2s', backoffMax: '20s' },
    },
  ]);
});

test('needs: names mean success of the stage, or else of the check; groups nest', () => {
  const { stages } = nodesOf(`
checks: {sign-off: {external: true}}
stages:
  a: {noop: }
  b: {noop: }
  c: {noop: }
  d:
    noop:
    needs:
      - a
      - sign-off
      - {stage: b, when: failed}
      - any: [{check: a, when: final}, {all: [b, c]}]
      - {threshold: 2, of: [a, b, c]}
  e: {noop: , needs: {any: [a, b]}, continues_until: c}
  f: {noop: , needs: []}
`);
  const stage = (id: string, condition = 'SUCCEEDED') => ({
    targetType: 'NODE_TYPE_STAGE',
    targetId: id,
    condition: `DEPENDENCY_CONDITION_${condition}`,
  });
  const check = (id: string, condition = 'SUCCEEDED') => ({ ...stage(id, condition), targetType: 'NODE_TYPE_CHECK' });
  expect(stages[3]).toMatchObject({
    dependencies: {
      predicate: 'PREDICATE_TYPE_AND',
      dependencies: [stage('a'), check('sign-off'), stage('b', 'FAILED')],
      groups: [
        {
          predicate: 'PREDICATE_TYPE_OR',
          dependencies: [check('a', 'FINAL')],
          groups: [{ predicate: 'PREDICATE_TYPE_AND', dependencies: [stage('b'), stage('c')] }],
        },
        { predicate: 'PREDICATE_TYPE_THRESHOLD', threshold: 2, dependencies: [stage('a'), stage('b'), stage('c')] },
      ],
    },
  });
  expect(stages[4]).toMatchObject({
    dependencies: { predicate: 'PREDICATE_TYPE_OR', dependencies: [stage('a'), stage('b')] },
    continuationGroup: { predicate: 'PREDICATE_TYPE_AND', dependencies: [stage('c')] },
  });
  expect(stages[5]).not.toHaveProperty('dependencies');
});

test('a check that one stage alone answers needs what the stage needs, unless it has needs of its own', () => {
  const { checks } = nodesOf(`
checks:
  own: {needs: a}
stages:
  a: {noop: }
  b: {noop: , needs: {stage: a, when: failed}}
  c: {noop: , needs: a, answers: [own, shared]}
  d: {noop: , needs: a, answers: shared}
`);
  const dependenciesOf = (id: string) => checks.find((check) => Object(check).id === id);
  expect(dependenciesOf('b')).toMatchObject({
    dependencies: { dependencies: [{ condition: 'DEPENDENCY_CONDITION_FAILED' }] },
  });
  expect(dependenciesOf('own')).toMatchObject({ dependencies: { dependencies: [{ targetId: 'a' }] } });
  expect(dependenciesOf('shared')).not.toHaveProperty('dependencies');
});

test('a command does not end a check that another stage answers, too, unless it says so', () => {
  const { stages } = nodesOf(`
stages:
  a: {run: x, answers: shared}
  b: {run: x, answers: [shared, own], results: always}
  c: {run: x}
`);
  expect(stages.map((stage) => Object(stage).args)).toEqual([
    { command: 'x', results: 'never' },
    { command: 'x', results: 'always' },
    { command: 'x' },
  ]);
});

test('a fragment may refer to nodes that the plan has, and does not write their checks again', () => {
  const existing = new KnownNames(['build'], ['tests']);
  const reading = readPlan('stages: {more: {run: x, needs: build, answers: tests}}', 'p.yaml', existing);
  if ('problems' in reading) throw new Error(reading.problems.map(problemLine).join('\n'));
  expect(reading.plan.nodes.checks).toEqual([]);
  expect(reading.plan.nodes.stages[0]?.args).toEqual({ command: 'x', results: 'never' });
});

test('anchors and merges are understood', () => {
  const { stages } = nodesOf('stages:\n  a: &base {run: x, timeout: 5s}\n  b: {<<: *base, run: y}\n');
  expect(stages[1]).toMatchObject({ args: { command: 'y', timeout: '5s' } });
});

test.each([
  ['an empty file', '', ['p.yaml:1:1: stages: expected names with stages, such as {lint: {run: npm run lint}}']],
  ['a plan without stages', 'stages: {}', ['p.yaml:1:9: stages: a plan has at least one stage']],
  ['no mapping', '- a\n', ['p.yaml:1:1: expected keys with values, not a list']],
  [
    'a misspelt key, at the key',
    'stages:\n  a:\n    run: x\n    nedes: b\n',
    ['p.yaml:4:5: stages.a.nedes: unknown key "nedes"; did you mean "needs"?'],
  ],
  [
    'a key that is like none',
    'stages: {a: {run: x}}\nzzz: 1\n',
    ['p.yaml:2:1: zzz: unknown key "zzz"; known are name, metadata, defaults, checks, stages'],
  ],
  [
    'a misspelt name in needs',
    'stages:\n  types: {run: x}\n  unit:\n    run: x\n    needs: [typs]\n',
    ['p.yaml:5:13: stages.unit.needs[0]: there is no stage or check "typs"; did you mean "types"?'],
  ],
  [
    'a wrong condition',
    'stages:\n  a: {run: x}\n  b: {run: x, needs: [{stage: a, when: ok}]}\n',
    ['p.yaml:3:40: stages.b.needs[0].when: expected succeeded, failed or final (however it ended)'],
  ],
  [
    'an unknown form of group',
    'stages:\n  a: {run: x}\n  b: {run: x, needs: [{oneof: [a]}]}\n',
    [
      'p.yaml:3:23: stages.b.needs[0]: expected a name, {stage: NAME, when: failed}, {check: NAME}, {all: […]}, {any: […]} or {threshold: N, of: […]}',
    ],
  ],
  [
    'an empty group',
    'stages:\n  b: {run: x, needs: {any: []}}\n',
    ['p.yaml:2:28: stages.b.needs.any: a group names at least one stage or check'],
  ],
  [
    'a threshold beyond its different members',
    'stages:\n  a: {run: x}\n  b: {run: x, needs: {threshold: 2, of: [a, a]}}\n',
    [
      'p.yaml:3:34: stages.b.needs.threshold: 2 of 1 can never be; the threshold is at most the number of different members',
    ],
  ],
  [
    'a duplicate key',
    'stages:\n  a: {run: x}\n  a: {run: y}\n',
    ['p.yaml:3:3: "a" is here for the second time, after line 2; remove one of the two'],
  ],
  [
    'a circle',
    'stages:\n  a: {run: x, needs: b}\n  b: {run: x, needs: {stage: a, when: final}}\n',
    ['p.yaml:2:22: stages.a.needs: waits for itself: stage a → stage b → stage a; remove one of these needs'],
  ],
  [
    'a stage that waits for its own answer',
    'checks:\n  c: {kind: x}\nstages:\n  a: {run: x, answers: c, needs: {check: c, when: final}}\n',
    ['p.yaml:4:34: stages.a.needs: waits for itself: stage a → check c → stage a; remove one of these needs'],
  ],
  [
    'a check that nobody answers',
    'checks:\n  lonely:\nstages: {a: {run: x}}\n',
    [
      'p.yaml:2:3: checks.lonely: no stage answers this check, so the plan would never end; name it in `answers` of a stage, or say `external: true`',
    ],
  ],
  [
    'a stage without work, one with two works, one with foreign settings',
    'stages:\n  a: {needs: []}\n  b: {run: x, noop: {}}\n  c: {runner: r, cwd: d}\n',
    [
      'p.yaml:2:3: stages.a: the stage does nothing; give it `run: COMMAND`, `runner: TYPE` or `noop:`',
      'p.yaml:3:15: stages.b.noop: a stage has one of run and noop, not both; make two stages of it',
      'p.yaml:4:18: stages.c.cwd: `cwd` is for stages with `run`; remove it',
    ],
  ],
  [
    'several faults at once, in the order of the file',
    'stages:\n  a: {run: 5, timeout: 5}\n  b: {run: x, attempts: 0}\n',
    [
      'p.yaml:2:12: stages.a.run: expected a command: a line for the shell, or a list of words without one',
      'p.yaml:2:24: stages.a.timeout: expected a duration with a unit, such as 30s, 500ms or 1m30s',
      'p.yaml:3:25: stages.b.attempts: expected a whole number of attempts from 1 to 10000',
    ],
  ],
  ['an empty name', 'stages:\n  "": {run: x}\n', ['p.yaml:2:3: stages[""]: expected at least one character']],
  ['bad indentation', 'stages:\n\ta: 1\n', ['p.yaml:2:1: a tab is no indentation in YAML; use spaces']],
  [
    'two documents',
    'stages: {a: {run: x}}\n---\nb: 1\n',
    ['p.yaml:2:1: a plan is one YAML document; remove what comes from `---` on'],
  ],
])('%s is refused with its place and a remedy', (_, text, lines) => {
  expect(problemsOf(text)).toEqual(lines);
});

test('what is no YAML is refused with its line', () => {
  expect(problemsOf('stages:\n  a: {run: "x\n')[0]).toMatch(/^p\.yaml:\d+:\d+: not valid YAML: /u);
});
