import { readFile, writeFile } from 'node:fs/promises';
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

test('help and version end with 0', async () => {
  const help = await turboci(['--help']);
  expect(help.code).toBe(0);
  for (const command of ['run', 'validate', 'graph', 'schema', 'list', 'get', 'watch', 'cancel', 'add', 'serve']) {
    expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'mu'));
  }
  expect(await turboci(['run', '--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--resume') });
  expect(await turboci(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/u) });
});
