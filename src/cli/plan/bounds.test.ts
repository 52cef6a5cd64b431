import { expect, test } from 'vitest';
import { CliError } from '../cli-error.ts';
import { readPlan } from './plan-file.ts';
import { problemLine } from './problem.ts';
import { withPlaces } from './server-places.ts';

function problemsOf(text: string): readonly string[] {
  const reading = readPlan(text, 'p.yaml');
  return 'problems' in reading ? reading.problems.map(problemLine) : [];
}

/** A stage with one setting. */
const stage = (setting: string) => `stages:\n  a: {noop: , ${setting}}\n`;
const command = (setting: string) => `stages:\n  a: {run: x, ${setting}}\n`;
const metadata = (pairs: string) => `metadata: {${pairs}}\nstages: {a: {run: x}}\n`;
/** So many groups in each other; the list around them is one, too. */
const nested = (depth: number) => `needs: [${'{any: ['.repeat(depth - 1)}a${']}'.repeat(depth - 1)}]`;
const deep = (depth: number) => `stages:\n  a: {noop: }\n  b: {noop: , ${nested(depth)}}\n`;
const pairs = (count: number) => Array.from({ length: count }, (_, at) => `k${at}: v`).join(', ');

test.each([
  ['attempts', stage('attempts: 10000'), stage('attempts: 10001'), 'stages.a.attempts: expected a whole number of'],
  [
    'attempts in the plural',
    stage('attempts: 1'),
    stage('attempts: 1.5'),
    'stages.a.attempts: expected a whole number',
  ],
  ['timeout', stage('timeout: 1ms'), stage('timeout: 0s'), 'stages.a.timeout: expected more than 0'],
  ['long timeout', stage('timeout: 876000h'), stage('timeout: 876001h'), 'stages.a.timeout: a duration is at most'],
  [
    'huge timeout',
    stage('timeout: 1h'),
    stage(`timeout: ${'9'.repeat(400)}h`),
    'stages.a.timeout: a duration is at most',
  ],
  ['sign', stage('stage_timeout: 0s'), stage('stage_timeout: -5s'), 'stages.a.stage_timeout: expected a duration with'],
  [
    'heartbeat',
    stage('heartbeat_timeout: 1s'),
    stage('heartbeat_timeout: 999ms'),
    'stages.a.heartbeat_timeout: expected at',
  ],
  [
    'no heartbeat',
    stage('heartbeat_timeout: 0s'),
    stage('heartbeat_timeout: 1'),
    'stages.a.heartbeat_timeout: expected',
  ],
  [
    'answers',
    stage('answers: [c, d]'),
    stage('answers: [c, {check: c}]'),
    'stages.a.answers[1]: the check "c" is here twice',
  ],
  [
    'program',
    'stages: {a: {run: [x, ""]}}',
    'stages: {a: {run: [""]}}',
    'stages.a.run[0]: expected at least one character',
  ],
  ['words', 'stages: {a: {run: [x]}}', 'stages: {a: {run: []}}', 'stages.a.run[0]: expected the name of a program'],
  ['word', 'stages: {a: {run: [x]}}', 'stages: {a: {run: [x, "\\0"]}}', 'stages.a.run[1]: a command cannot be given'],
  [
    'line',
    'stages: {a: {run: x}}',
    'stages: {a: {run: "x\\0"}}',
    'stages.a.run: a command cannot be given the character NUL',
  ],
  ['cwd', command('cwd: x'), command('cwd: "x\\0"'), 'stages.a.cwd: a command cannot be given the character NUL'],
  [
    'env',
    command('env: {A: b=c}'),
    command('env: {A: "\\0"}'),
    'stages.a.env.A: a command cannot be given the character',
  ],
  [
    'env name',
    command('env: {A: x}'),
    command('env: {"A=B": x}'),
    'stages.a.env["A=B"]: a variable has a name without `=`',
  ],
  [
    'runner',
    'stages: {a: {runner: r}}',
    'stages: {a: {runner: builtin/x}}',
    'stages.a.runner: runners of the server itself',
  ],
  ['groups', deep(16), deep(17), `: groups nest at most 16 deep`],
  ['pairs', metadata(pairs(62)), metadata(pairs(63)), 'metadata: at most 62 pairs'],
  ['key', metadata(`${'k'.repeat(256)}: v`), metadata(`${'k'.repeat(257)}: v`), ': at most 256 bytes'],
  ['value', metadata(`k: ${'ä'.repeat(2048)}`), metadata(`k: ${'ä'.repeat(2049)}`), 'metadata.k: at most 4096 bytes'],
  ['text', metadata('k: "1"'), metadata('k: 1'), 'metadata.k: expected a text; put it in quotes: "1"'],
  [
    'kind',
    `checks: {a: {kind: ${'k'.repeat(1024)}}}\nstages: {a: {run: x}}`,
    `checks: {a: {kind: ${'k'.repeat(1025)}}}\nstages: {a: {run: x}}`,
    'checks.a.kind: at most 1024 bytes',
  ],
  [
    'need',
    'stages: {"1": {run: x}, b: {run: x, needs: "1"}}',
    command('needs: 1'),
    'or a list of these; put it in quotes: "1"',
  ],
  ['keys', 'stages: {a: {noop: }}', 'stages: {a: }', 'stages.a: expected keys with values, not nothing'],
  [
    'JSON',
    'stages: {a: {runner: r, args: {x: 1}}}',
    'stages: {a: {runner: r, args: {x: .nan}}}',
    'stages.a.args.x: expected a JSON',
  ],
])('%s: the last that is right, and the first that is not', (_, right, wrong, message) => {
  expect(problemsOf(right)).toEqual([]);
  const problems = problemsOf(wrong);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});

test('fields that a server found wrong are shown at their places in the file', () => {
  const reading = readPlan('metadata: {k: v}\nstages:\n  a: {run: x}\n  b:\n    run: y\n    timeout: 5s\n', 'p.yaml');
  if ('problems' in reading) throw new Error('the plan is right');
  const refused = (path: string, exitCode: 64 | 76 = 64) =>
    withPlaces(new CliError('no', { exitCode, reason: 'X', details: [{ path, message: 'bad' }] }), reading.plan);
  const detail = (path: string, message: string) => expect.objectContaining({ details: [{ path, message }] });
  expect(refused('stages[1].args.command[0]')).toEqual(detail('', 'p.yaml:5:10: stages.b.run: bad'));
  expect(refused('stages[1].execution_policy.attempt_timeout')).toEqual(
    detail('', 'p.yaml:6:14: stages.b.timeout: bad'),
  );
  expect(refused('stages[0].id')).toEqual(detail('', 'p.yaml:3:6: stages.a: bad'));
  expect(refused('metadata.k')).toEqual(detail('', 'p.yaml:1:11: metadata: bad'));
  expect(refused('request_id')).toEqual(detail('request_id', 'bad'));
  expect(refused('stages[1].args', 76)).toEqual(detail('stages[1].args', 'bad'));
});
