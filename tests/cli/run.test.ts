import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { jsonLines, root, scratch, Turboci, turboci } from './turboci.ts';

/** Longest time that a whole run of the command may take here. */
const PATIENCE = { timeout: 60_000 };

type Summary = {
  readonly outcome: string;
  readonly plan_id: string;
  readonly stages: Readonly<Record<string, string>>;
  readonly checks: Readonly<Record<string, string>>;
  readonly failures: readonly { readonly id: string; readonly log: string; readonly tail: readonly string[] }[];
};

function summaryOf(stdout: string): Summary {
  const last = jsonLines(stdout).at(-1);
  return (last as { readonly summary: Summary }).summary;
}

async function plan(text: string) {
  const folder = await scratch();
  await writeFile(join(folder, 'plan.yaml'), text);
  return folder;
}

test('the demo passes, in plain lines when piped', PATIENCE, async () => {
  const folder = await scratch();
  const { code, stdout, stderr } = await turboci(['run', 'examples/demo.yaml', '--db', join(folder, 'demo.db')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stripVTControlCharacters(stdout)).toBe(stdout);
  expect(stdout).toMatch(/ flaky-test +attempt 1 of 3 failed: the command ended with exit status 1\n/u);
  expect(stdout).toMatch(/ flaky-test +succeeded in /u);
  expect(stdout).toMatch(/ call-for-help +skipped/u);
  expect(stdout).toMatch(/\ndemo succeeded in .*: stages: 13 succeeded, 1 skipped\n/u);
});

test('the diamond: a failing branch, OR, threshold, and children that a stage adds', PATIENCE, async () => {
  const folder = await scratch();
  const { code, stdout, stderr } = await turboci([
    'run',
    'examples/diamond.yaml',
    '--json',
    '--db',
    join(folder, 'd.db'),
  ]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  const summary = summaryOf(stdout);
  expect(summary.outcome).toBe('failed');
  expect(summary.stages).toEqual({
    top: 'succeeded',
    left: 'succeeded',
    right: 'failed',
    bottom: 'skipped',
    either: 'succeeded',
    majority: 'succeeded',
    diagnose: 'succeeded',
    discover: 'succeeded',
    'shard-1': 'succeeded',
    'shard-2': 'succeeded',
    'shard-3': 'succeeded',
    report: 'succeeded',
  });
  expect(summary.checks).toMatchObject({ right: 'failed', bottom: 'skipped', 'shard-3': 'succeeded' });
  expect(summary.failures).toMatchObject([{ id: 'right', tail: ['this side is broken'] }]);
  expect(await readFile(summary.failures[0]?.log ?? '', 'utf8')).toBe('this side is broken\n');

  const again = await turboci(['get', summary.plan_id, '--json', '--db', join(folder, 'd.db')]);
  const { stages } = JSON.parse(again.stdout) as { stages: { id: string; parentStageId?: string }[] };
  const children = stages.filter(({ parentStageId }) => parentStageId === 'discover').map(({ id }) => id);
  expect(children).toEqual(['shard-1', 'shard-2', 'shard-3']);
});

test('a failure is shown with its last output and its log', PATIENCE, async () => {
  const folder = await plan('stages: {broken: {run: "echo one; echo two; exit 7"}}');
  const { code, stdout } = await turboci(['run', 'plan.yaml'], { cwd: folder });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /✖ stage broken: the command ended with exit status 7\n {4}│ one\n {4}│ two\n {4}log: (.+)\n/u,
  );
  expect(stdout).toMatch(/plan\.yaml failed in .*: stages: 1 failed\n/u);
});

test(
  'the embedded server listens on a Unix socket of mode 0600 in a folder of mode 0700, and only there',
  PATIENCE,
  async () => {
    const folder = await plan(
      `stages: {look: {run: 'echo "$TURBOCI_SERVER"; stat -c %a "\${TURBOCI_SERVER#unix:}"', results: on_success}}`,
    );
    const { code, stdout } = await turboci(['run', 'plan.yaml', '--json'], { cwd: folder });
    expect(code).toBe(0);
    const { plan_id } = summaryOf(stdout);
    const log = await readFile(join(folder, '.turboci/logs', plan_id, 'look/1.log'), 'utf8');
    const [address, mode] = log.trim().split('\n');
    expect(address).toMatch(/^unix:\//u);
    expect(mode).toBe('600');
    // The socket and its folder are gone with the run; the database is there, for its owner only.
    await expect(stat(String(address).slice('unix:'.length))).rejects.toThrow(/ENOENT/u);
    expect((await stat(join(folder, '.turboci'))).mode & 0o777).toBe(0o700);
  },
);

test('Ctrl-C cancels the plan, and no command survives', PATIENCE, async () => {
  const folder = await plan(
    'stages:\n  endless: {run: "echo $$; exec sleep 300"}\n  after: {run: "true", needs: endless}\n',
  );
  const run = new Turboci(['run', 'plan.yaml', '--json'], { cwd: folder });
  const [, pid] = await run.output(/"message":"(\d+)"/u);
  expect(isAlive(Number(pid))).toBe(true);
  run.child.kill('SIGINT');
  const { code, stdout } = await run.ended;
  expect(code).toBe(130);
  const summary = summaryOf(stdout);
  expect(summary.outcome).toBe('cancelled');
  expect(summary.stages).toEqual({ endless: 'cancelled', after: 'cancelled' });
  expect(isAlive(Number(pid))).toBe(false);
});

test('a second Ctrl-C leaves at once, and no command survives', PATIENCE, async () => {
  const folder = await plan(`stages: {stubborn: {run: "trap '' INT TERM; echo $$; while :; do sleep 0.2; done"}}`);
  const run = new Turboci(['run', 'plan.yaml'], { cwd: folder });
  const pid = await untilLogged(folder);
  run.child.kill('SIGINT');
  await run.output(/cancelling the plan/u);
  run.child.kill('SIGINT');
  const { code, stdout } = await run.ended;
  expect(code).toBe(130);
  expect(stdout).not.toMatch(/ in .*: stages: /u);
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s while the server starts: %i, and no folder is left', PATIENCE, async (signal, status) => {
  const folder = await plan('stages: {endless: {run: exec sleep 300}}');
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const run = new Turboci(['run', 'plan.yaml'], { cwd: folder, env: { TMPDIR: temporary } });
  await expect.poll(() => readdir(temporary), { timeout: 30_000, interval: 1 }).toHaveLength(1);
  run.child.kill(signal);
  expect((await run.ended).code).toBe(status);
  expect(await readdir(temporary)).toEqual([]);

  const list = new Turboci(['list', '--db', '.turboci/turboci.db'], { cwd: folder, env: { TMPDIR: temporary } });
  await expect.poll(() => readdir(temporary), { timeout: 30_000, interval: 1 }).toHaveLength(1);
  list.child.kill(signal);
  // It may have been done, or about to end, before the signal came; then nothing is left to be put in order.
  expect([status, 0, null]).toContain((await list.ended).code);
  expect(await readdir(temporary)).toEqual([]);
});

test('a run that was killed leaves its plan behind: the next run cancels it', PATIENCE, async () => {
  const folder = await plan('stages: {endless: {run: "echo $$; exec sleep 300", attempts: 9}}');
  const killed = new Turboci(['run', 'plan.yaml'], { cwd: folder, env: { TMPDIR: folder } });
  const pid = await untilLogged(folder);
  killed.child.kill('SIGKILL');
  await killed.ended;
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);

  await writeFile(join(folder, 'next.yaml'), 'stages: {fine: {run: "true"}}');
  const { code, stderr } = await turboci(['run', 'next.yaml'], { cwd: folder });
  expect(code).toBe(0);
  const [, left] = /cancelled plan (\S+), which an earlier run left behind/u.exec(stderr) ?? [];
  const { stdout } = await turboci(['list', '--json', '--db', '.turboci/turboci.db'], { cwd: folder });
  const { workPlans } = JSON.parse(stdout) as { workPlans: { id: string; state: string }[] };
  expect(workPlans.find(({ id }) => id === left)?.state).toBe('WORK_PLAN_STATE_CANCELLED');
});

test('a run that was killed can be resumed', PATIENCE, async () => {
  const folder = await plan(`
stages:
  work: {run: 'test "$TURBOCI_ATTEMPT_IDX" -gt 1 || { echo $$; exec sleep 300; }', attempts: 9, backoff: {max: 10ms}}
  after: {run: echo done, needs: work}
`);
  const killed = new Turboci(['run', 'plan.yaml', '--json'], { cwd: folder, env: { TMPDIR: folder } });
  const [, id = ''] = await killed.output(/"workPlanId":"([^"]+)"/u);
  await untilLogged(folder);
  killed.child.kill('SIGKILL');
  await killed.ended;
  const { code, stdout, stderr } = await turboci(['run', '--resume', id, '--json'], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(summaryOf(stdout)).toMatchObject({ plan_id: id, stages: { work: 'succeeded', after: 'succeeded' } });
  expect(stdout).toContain('SERVER_RESTART');
});

test('two runs at once on one database: the second is refused with exit status 75', PATIENCE, async () => {
  const folder = await plan('stages: {endless: {run: "echo $$; exec sleep 300"}}');
  const first = new Turboci(['run', 'plan.yaml'], { cwd: folder });
  await untilLogged(folder);
  const { code, stderr } = await turboci(['run', 'plan.yaml'], { cwd: folder });
  expect(code).toBe(75);
  expect(stderr).toMatch(/in use.*--db/su);
  first.child.kill('SIGINT');
  expect((await first.ended).code).toBe(130);
});

test('on a terminal progress is drawn in place', PATIENCE, async () => {
  const folder = await plan('stages: {a: {run: sleep 0.4}, b: {run: "true", needs: a}}');
  const command = `'${process.execPath}' '${join(root, 'src/cli/main.ts')}' run plan.yaml`;
  // script(1) gives the command a terminal.
  const shown = execFileSync('script', ['-qec', `stty rows 24 cols 80; ${command}`, '/dev/null'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(shown).toContain('\u001b[');
  const plain = stripVTControlCharacters(shown);
  expect(plain).toMatch(/○ b +waits for a/u);
  expect(plain).toMatch(/✔ a +\d+ms/u);
  expect(plain).toMatch(/plan\.yaml succeeded in /u);
});

/** The process id that the only stage of the plan in a folder has written to its log. */
async function untilLogged(folder: string): Promise<number> {
  let pid = 0;
  await expect
    .poll(
      () => {
        const [text = ''] = execFileSync('sh', ['-c', 'cat .turboci/logs/*/*/1.log 2>/dev/null || true'], {
          cwd: folder,
          encoding: 'utf8',
        }).split('\n');
        pid = Number(text);
        return pid > 0;
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  return pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
