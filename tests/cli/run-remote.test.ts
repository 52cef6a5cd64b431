import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { Scene } from '../execution/harness/scene.ts';
import { useExecutionServer } from '../execution/harness/server.ts';
import { argsOf } from '../execution/runner/act.ts';
import { jsonLines, root, scratch, Turboci, turboci } from './turboci.ts';

/** Longest time that a whole run of the command may take here. */
const PATIENCE = { timeout: 60_000 };

const server = useExecutionServer();

async function plan(text: string): Promise<string> {
  const folder = await scratch();
  await writeFile(join(folder, 'plan.yaml'), text);
  return folder;
}

/** The plan id, the outcome and the stages' outcomes at the end of an output of JSON lines. */
function summaryOf(stdout: string): unknown {
  const { summary } = jsonLines(stdout).at(-1) as { readonly summary: unknown };
  return summary;
}

/** What a command has written to a file, once it is there. */
async function written(folder: string, name: string): Promise<string> {
  let text = '';
  const read = (): Promise<string> => readFile(join(folder, name), 'utf8').catch(() => '');
  await expect.poll(async () => (text = await read()), { timeout: 30_000 }).toMatch(/\n$/u);
  return text.trim();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const endless = 'stages: {endless: {runner: t, attempts: 9, backoff: {max: 1ms}}, after: {noop: , needs: endless}}';

test('commands are the runners of a plan, with the request on stdin and the plan within reach', PATIENCE, async () => {
  const folder = await scratch();
  const tests = `cat > "$TURBOCI_STAGE_ID.json"; echo "::progress 50 half way" >&2`;
  const deploy = `node -e '
    const { environment } = JSON.parse(require("fs").readFileSync(0)).args;
    console.log(JSON.stringify({ checkUpdates: [{ checkId: "deploy", state: "CHECK_STATE_FINAL", resultData: { environment } }] }));
  '`;
  const example = join(root, 'examples/remote.yaml');
  const args = ['run', example, '--runner', `tests=${tests}`, '--runner', `deploy=${deploy}`];
  const { code, stdout, stderr } = await turboci(args, { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/ integration +attempt 1 of 3 started on \S+\n/u);
  expect(stdout).toMatch(/ deploy +started on \S+\n/u);
  expect(stdout).toMatch(/\nremote succeeded in .*: stages: 5 succeeded\n/u);
  expect(JSON.parse(await readFile(join(folder, 'unit.json'), 'utf8'))).toMatchObject({
    stageId: 'unit',
    args: { suite: 'unit' },
    checkOptions: [{ checkId: 'tests-pass', kind: 'tests', options: { coverage: 80 } }],
  });

  const db = ['--db', '.turboci/turboci.db'];
  const [, id = ''] = /\nplan (\S+),/u.exec(stdout) ?? [];
  const check = await turboci(['get', id, 'deploy', '--json', ...db], { cwd: folder });
  expect(JSON.parse(check.stdout)).toMatchObject({ check: { results: [{ data: { environment: 'staging' } }] } });
  // The registrations went with the run.
  expect((await turboci(['runners', ...db], { cwd: folder })).stderr).toBe('no runners\n');
  const { stdout: described } = await turboci(['describe', id, 'unit', ...db], { cwd: folder });
  expect(described).toMatch(/\n {2}progress .* 50% {2}half way\n/u);
});

test('types without a runner are refused before anything starts, and both remedies are named', PATIENCE, async () => {
  const folder = await plan('stages: {a: {runner: one}, b: {runner: two}, c: {run: touch c}}');
  const { code, stdout, stderr } = await turboci(['run', 'plan.yaml', '--runner', 'one=true'], { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toContain('(NO_RUNNERS)\n  stages.b.runner: two\n  → ');
  expect(stderr).toMatch(/→ .*--runner TYPE=COMMAND.*--server/u);
  expect(await readdir(folder)).toEqual(['plan.yaml']);
});

test.each([
  ['no type', ['=true']],
  ['no command', ['t=']],
  ['the server itself', ['builtin/process=true']],
  ['the same type twice', ['t=true', 't=false']],
])('--runner with %s: exit status 64', PATIENCE, async (_, values) => {
  const args = values.flatMap((value) => ['--runner', value]);
  const { code, stdout, stderr } = await turboci(['run', '-', ...args], { input: endless });
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toContain('--runner');
});

test('a command that fails is retried; its last words are shown', PATIENCE, async () => {
  const folder = await plan('stages: {flaky: {runner: t, attempts: 2, backoff: {max: 1ms}}}');
  const command = `echo "this is attempt $TURBOCI_ATTEMPT_IDX" >&2; exit 3`;
  const { code, stdout } = await turboci(['run', 'plan.yaml', '--runner', `t=${command}`], { cwd: folder });
  expect(code).toBe(1);
  expect(stdout).toMatch(/ attempt 1 of 2 failed: the program ended with exit status 3\n/u);
  expect(stdout).toMatch(/✖ stage flaky: .*exit status 3 \(attempt 2\)\n {4}│ this is attempt 2\n/u);
});

test('Ctrl-C cancels the plan, and no command of a runner survives', PATIENCE, async () => {
  const folder = await plan(endless);
  const command = 'echo $$ > pid; exec sleep 300';
  const run = new Turboci(['run', 'plan.yaml', '--json', '--runner', `t=${command}`], { cwd: folder });
  const pid = Number(await written(folder, 'pid'));
  expect(isAlive(pid)).toBe(true);
  run.child.kill('SIGINT');
  const { code, stdout, stderr } = await run.ended;
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  expect(summaryOf(stdout)).toMatchObject({
    outcome: 'cancelled',
    stages: { endless: 'cancelled', after: 'cancelled' },
  });
  expect(isAlive(pid)).toBe(false);
});

test('a second Ctrl-C leaves at once, and no command of a runner survives', PATIENCE, async () => {
  const folder = await plan(endless);
  const command = "trap '' INT TERM; echo $$ > pid; while :; do sleep 0.2; done";
  const run = new Turboci(['run', 'plan.yaml', '--runner', `t=${command}`], { cwd: folder });
  const pid = Number(await written(folder, 'pid'));
  run.child.kill('SIGINT');
  await run.output(/cancelling the plan/u);
  run.child.kill('SIGINT');
  const { code, stdout } = await run.ended;
  expect(code).toBe(130);
  expect(stdout).not.toMatch(/ in .*: stages: /u);
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
});

test('a run that was killed is resumed with the same commands, and not without them', PATIENCE, async () => {
  const folder = await plan(endless);
  const command = 'test "$TURBOCI_ATTEMPT_IDX" -gt 1 || { echo $$ > pid; exec sleep 300; }';
  const killed = new Turboci(['run', 'plan.yaml', '--json', '--runner', `t=${command}`], {
    cwd: folder,
    env: { TMPDIR: folder },
  });
  const [, id = ''] = await killed.output(/"workPlanId":"([^"]+)"/u);
  await written(folder, 'pid');
  killed.child.kill('SIGKILL');
  await killed.ended;
  const without = await turboci(['run', '--resume', id], { cwd: folder });
  expect(without.code).toBe(64);
  expect(without.stderr).toContain('(NO_RUNNERS)\n  stages.endless.runner: t\n');

  const resumed = await turboci(['run', '--resume', id, '--json', '--runner', `t=${command}`], { cwd: folder });
  expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: '' });
  expect(summaryOf(resumed.stdout)).toMatchObject({
    plan_id: id,
    stages: { endless: 'succeeded', after: 'succeeded' },
  });
  expect(resumed.stdout).toContain('the run that executed it was cut off');
});

test('on a server: nobody is registered yet, which is worth a warning; then somebody comes', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const type = scene.runnerType;
  const stages = { build: { runner: type, mode: 'async', args: argsOf({ hold: true }) }, fine: { noop: null } };
  const run = new Turboci(['run', '-', '--server', scene.address], { input: JSON.stringify({ name: 'p', stages }) });
  await run.output(new RegExp(` build +waits for a runner of type ${type}\n`, 'u'));
  const runner = await scene.runner();
  await run.output(new RegExp(` build +accepted by ${runner.runnerId}\n`, 'u'));
  await runner.release();
  const { code, stdout, stderr } = await run.ended;
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `turboci: no runner of type ${type} is registered; its stages wait until one registers\n`,
  });
  expect(stdout).toMatch(/p succeeded in .*: stages: 2 succeeded\n/u);

  const again = await turboci(['run', '-', '--server', scene.address], {
    input: JSON.stringify({ stages: { build: { runner: type } } }),
  });
  expect(again).toMatchObject({ code: 0, stderr: '' });
  await scene.plan.cancel();
});

test('on a server: commands of a run take what there is for their type, also for other plans', PATIENCE, async () => {
  const folder = await scratch();
  const scene = await Scene.open(server);
  const type = scene.runnerType;
  const command = `echo begun > "$TURBOCI_STAGE_ID"; test "$TURBOCI_STAGE_ID" = own || until test -e go; do sleep 0.1; done`;
  await scene.plan.write({ stages: [{ id: 'other', runnerType: type }] });
  const stages = { own: { runner: type }, last: { noop: { delay: '10ms' }, needs: 'own' } };
  const run = new Turboci(['run', '-', '--server', scene.address, '--runner', `${type}=${command}`], {
    cwd: folder,
    input: JSON.stringify({ stages }),
  });
  await written(folder, 'other');
  await run.output(/: stages: 2 succeeded\n/u);
  await writeFile(join(folder, 'go'), '');
  expect(await run.ended).toMatchObject({ code: 0 });
  await scene.plan.untilFinal('other');
  expect((await scene.plan.stage('other')).attempts).toMatchObject([{ idx: 1, details: { exit_code: 0 } }]);
  expect(await scene.listed()).toEqual([]);
});

test('on a server that is away: commands do not wait for it', PATIENCE, async () => {
  const args = ['run', '-', '--server', 'unix:/nowhere/turboci.sock', '--runner', 't=true', '--json'];
  const { code, stderr } = await turboci(args, { input: endless });
  expect(code).toBe(69);
  expect(JSON.parse(stderr)).toMatchObject({ error: { reason: 'UNAVAILABLE' } });
});

test('on a terminal: what runs where', PATIENCE, async () => {
  const folder = await plan('{name: p, stages: {build: {runner: t}}}');
  const command = `'${process.execPath}' '${join(root, 'src/cli/main.ts')}' run plan.yaml --runner 't=sleep 0.5'`;
  // script(1) gives the command a terminal.
  const shown = execFileSync('script', ['-qec', `stty rows 24 cols 80; ${command}`, '/dev/null'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const plain = stripVTControlCharacters(shown);
  expect(plain).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] build +\d+ms {2}on run-t/u);
  expect(plain).toMatch(/p succeeded in /u);
});

test('examples/remote.yaml has no faults and can be drawn', async () => {
  expect(await turboci(['validate', 'examples/remote.yaml'])).toMatchObject({ code: 0, stderr: '' });
  const { code, stdout } = await turboci(['graph', '--file', 'examples/remote.yaml']);
  expect({ code, drawn: stdout.startsWith('flowchart LR\n') }).toEqual({ code: 0, drawn: true });
});
