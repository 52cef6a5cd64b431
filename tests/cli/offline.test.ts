import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPlan } from '../../src/cli/plan/plan-file.ts';
import { problemLine } from '../../src/cli/plan/problem.ts';
import { root, scratch, turboci } from './turboci.ts';

const faulty = 'stages:\n  unit:\n    run: npm test\n    nedes: lint\n  pack: {run: npm pack, needs: [unit, typs]}\n';

test('a plan file with faults: exit status 64, each fault with file, line and column', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'bad.yaml'), faulty);
  for (const command of ['validate', 'run']) {
    const { code, stdout, stderr } = await turboci([command, 'bad.yaml'], { cwd: folder });
    expect(code).toBe(64);
    expect(stdout).toBe('');
    expect(stderr).toContain('bad.yaml:4:5: stages.unit.nedes: unknown key "nedes"; did you mean "needs"?');
    expect(stderr).not.toMatch(/\n\s+at /u);
  }
});

test('validate --json answers the faults as data', async () => {
  const { code, stdout } = await turboci(['validate', '-', '--json'], { input: faulty });
  expect(code).toBe(64);
  expect(JSON.parse(stdout)).toEqual({
    valid: false,
    problems: [
      {
        file: 'stdin',
        line: 4,
        column: 5,
        path: 'stages.unit.nedes',
        message: 'unknown key "nedes"; did you mean "needs"?',
      },
    ],
  });
});

test.each(['demo', 'ci', 'diamond'])('examples/%s.yaml has no faults and can be drawn', async (name) => {
  const path = `examples/${name}.yaml`;
  expect(await turboci(['validate', path])).toMatchObject({ code: 0, stderr: '' });
  const { code, stdout } = await turboci(['graph', '--file', path]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^flowchart LR\n/u);
});

test('whole plans in docs/plan-yaml.md are right', async () => {
  const text = await readFile(join(root, 'docs/plan-yaml.md'), 'utf8');
  const plans = [...text.matchAll(/```yaml\n(.*?)```/gsu)]
    .map(([, plan]) => plan ?? '')
    .filter((plan) => /^stages:/mu.test(plan));
  expect(plans.length).toBeGreaterThanOrEqual(3);
  for (const plan of plans) {
    const reading = readPlan(plan, 'plan-yaml.md');
    expect('problems' in reading ? reading.problems.map(problemLine) : []).toEqual([]);
  }
});

test.each([
  ['an unknown command', ['frobnicate']],
  ['an unknown option', ['list', '--frobnicate']],
  ['a missing argument', ['get']],
  ['a bad number', ['list', '--limit', 'many']],
  ['no plan to run', ['run']],
  ['a plan and a plan to resume', ['run', 'x.yaml', '--resume', 'y']],
  ['two plans to draw', ['graph', 'x', '--file', 'y.yaml']],
  ['nothing to add to', ['add', 'x.yaml']],
])('%s: exit status 64 and a word about what to do', async (_, args) => {
  const { code, stdout, stderr } = await turboci(args, { env: { TURBOCI_WORK_PLAN_ID: '' } });
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(/--help|--plan/u);
});

test('a file that is not there: exit status 66', async () => {
  const { code, stderr } = await turboci(['run', 'nowhere.yaml']);
  expect(code).toBe(66);
  expect(stderr).toContain('cannot read nowhere.yaml: ENOENT');
});

test('no server: exit status 69, in JSON if asked', async () => {
  const { code, stdout, stderr } = await turboci(['list', '--server', 'unix:/nowhere/turboci.sock', '--json']);
  expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({
    error: { reason: 'UNAVAILABLE', exitCode: 69, message: expect.stringContaining('unix:/nowhere') },
  });
});

test('what is no YAML data and what is no UTF-8 are faults of the file, not bugs', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'latin1.yaml'), Buffer.from('stages:\n  a: {run: "caf\xe9"}\n', 'latin1'));
  const latin1 = await turboci(['validate', 'latin1.yaml'], { cwd: folder });
  expect(latin1.code).toBe(64);
  expect(latin1.stderr).toContain('latin1.yaml:2:16: the file is not in UTF-8; save it in that encoding');
  const alias = await turboci(['validate', '-', '--json'], { input: 'a: { run: *nope }\n' });
  expect(alias.code).toBe(64);
  expect(JSON.parse(alias.stdout)).toMatchObject({ valid: false, problems: [{ file: 'stdin', line: 1, column: 11 }] });
});

test('a database that is not there, or is none: exit status 66, and nothing is made', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'text.db'), 'no database');
  await writeFile(join(folder, 'empty.db'), '');
  for (const [args, reason] of [
    [['list', '--db', 'not/there.db'], 'NO_DATABASE'],
    [['get', 'x', '--db', 'there.db'], 'NO_DATABASE'],
    [['run', '--resume', 'x'], 'NO_DATABASE'],
    [['list', '--db', 'text.db'], 'NOT_A_DATABASE'],
    [['list', '--db', 'empty.db'], 'NO_DATABASE'],
  ] as const) {
    const { code, stderr } = await turboci(args, { cwd: folder, input: 'stages: {a: {noop: }}' });
    expect({ args, code }).toEqual({ args, code: 66 });
    expect(stderr).toContain(`(${reason})`);
  }
  expect((await readdir(folder)).toSorted()).toEqual(['empty.db', 'text.db']);
});

test.each(['file/x.db', '.'])('--db %s, which cannot be a database: exit status 73', async (path) => {
  const folder = await scratch();
  await writeFile(join(folder, 'file'), '');
  const { code, stderr } = await turboci(['run', '-', '--db', path], { cwd: folder, input: 'stages: {a: {noop: }}' });
  expect(code).toBe(73);
  expect(stderr).toContain('(CANNOT_OPEN)');
  expect(await readdir(folder)).toEqual(['file']);
});

test.each([
  ['a value that is not allowed', ['list', '--json', '--state', 'bogus']],
  ['a missing argument', ['get', '--json']],
  ['an address of the wrong form', ['list', '--json', '--server', 'http://127.0.0.1:50051']],
])('%s: the error is JSON if asked', async (_, args) => {
  const { code, stdout, stderr } = await turboci(args);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ error: { reason: 'USAGE', exitCode: 64 } });
});

test('an empty address counts as not given', async () => {
  for (const [args, env] of [
    [['list', '--json'], { TURBOCI_SERVER: '' }],
    [['list', '--json', '--server', ''], { TURBOCI_SERVER: 'unix:/nowhere/turboci.sock' }],
  ] as const) {
    const { stderr } = await turboci(args, { env });
    expect(stderr).not.toContain('BUG');
  }
  const { code, stderr } = await turboci(['list', '--server', ''], {
    env: { TURBOCI_SERVER: 'unix:/nowhere/turboci.sock' },
  });
  expect(code).toBe(69);
  expect(stderr).toContain('no server answers at unix:/nowhere/turboci.sock');
});

test('one of something is not told in the plural', async () => {
  const { stdout } = await turboci(['validate', '-'], { input: 'stages: {a: {noop: }}' });
  expect(stdout).toBe('-: no faults (1 stage, 1 check)\n');
});

test('help and version end with 0', async () => {
  const help = await turboci(['--help']);
  expect(help.code).toBe(0);
  for (const command of ['run', 'validate', 'graph', 'schema', 'list', 'get', 'watch', 'cancel', 'add', 'serve']) {
    expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'mu'));
  }
  expect(await turboci(['run', '--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--resume') });
  expect((await turboci(['list', '--help'])).stdout).toMatch(/--metadata .*may be\s+repeated\n/u);
  expect(await turboci(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/u) });
});
