import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, root, scratch, Turboci, turboci } from './turboci.ts';

const PATIENCE = { timeout: 60_000 };

type Place = { readonly folder: string; readonly address: string };

/** A folder with a plan file, and the address that a server started in it by `serve` will have. */
async function place(text: string): Promise<Place> {
  const folder = await scratch();
  await writeFile(join(folder, 'plan.yaml'), text);
  return { folder, address: `unix:${join(folder, 's.sock')}` };
}

/** `turboci serve` in a folder, as soon as it serves. */
async function serve({ folder, address }: Place, env: Readonly<Record<string, string>> = {}): Promise<Turboci> {
  const server = new Turboci(['serve'], {
    cwd: folder,
    env: { GRPC_SOCKET: address.slice('unix:'.length), TURBOCI_PROCESS_EXECUTOR: 'on', HTTP_PORT: 'off', ...env },
  });
  await server.output(/serving on unix:/u);
  return server;
}

test('list, get, graph and watch show what run did on a server; serve ends with 0 on SIGTERM', PATIENCE, async () => {
  const where = await place(
    'name: small\nmetadata: {commit: abc}\nstages: {a: {noop: }, b: {noop: {fail: no}}, c: {noop: , needs: [a, b]}}',
  );
  const server = await serve(where);
  const env = { TURBOCI_SERVER: where.address };
  const ran = await turboci(['run', 'plan.yaml', '--server', where.address, '--json'], { cwd: where.folder });
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 1, stderr: '' });
  const { summary } = jsonLines(ran.stdout).at(-1) as { summary: { plan_id: string; failures: unknown } };
  expect(summary).toMatchObject({ outcome: 'failed', stages: { a: 'succeeded', b: 'failed', c: 'skipped' } });
  expect(summary.failures).toMatchObject([{ type: 'stage', id: 'b', message: 'no', attempts: 1 }]);
  const id = summary.plan_id;

  const listed = await turboci(['list', '--metadata', 'commit=abc'], { env });
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed.stdout).toMatch(new RegExp(`^${id} {2}failed {2}\\d{4}-\\d\\d-\\d\\dT.*Z {2}small\n$`, 'u'));
  const none = await turboci(['list', '--json', '--metadata', 'commit=xyz'], { env });
  expect(JSON.parse(none.stdout)).toEqual({ workPlans: [] });

  const got = await turboci(['get', id], { env });
  expect(got.stdout).toMatch(/✔ a .*\n✖ b .*\n↷ c .*what it needs did not come about\n/u);
  expect(got.stdout).toMatch(/small failed in /u);
  const node = await turboci(['get', id, 'b'], { env });
  expect(node.stdout).toMatch(/^stage:\n {2}id: b\n/u);
  expect(node.stdout).toMatch(/\ncheck:\n {2}id: b\n/u);
  expect(await turboci(['get', id, 'zzz'], { env })).toMatchObject({ code: 66 });

  const drawn = await turboci(['graph', id], { env });
  expect(drawn.stdout).toMatch(/n0\["a"\]:::succeeded\n {2}n1\["b"\]:::failed\n {2}n2\["c"\]:::skipped\n/u);
  const dot = await turboci(['graph', id, '--format', 'dot'], { env });
  expect(dot.stdout).toMatch(/^digraph plan \{/u);
  expect(JSON.parse((await turboci(['graph', id, '--json'], { env })).stdout)).toMatchObject({
    nodes: [{ key: 'n0' }, {}, {}],
  });

  const watched = await turboci(['watch', id, '--json'], { env });
  expect(watched.code).toBe(1);
  const events = jsonLines(watched.stdout).slice(0, -1) as { event: { revision: string } }[];
  const revisions = events.map(({ event }) => Number(event.revision));
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));

  const refused = await turboci(['get', 'no-such-plan', '--json'], { env });
  expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 66, stdout: '' });
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { reason: 'WORK_PLAN_NOT_FOUND', exitCode: 66 } });

  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
});

test('run goes on without a gap over a server that is killed and comes back', PATIENCE, async () => {
  const where = await place(
    'defaults: {attempts: 9, backoff: {initial: 10ms, max: 10ms}}\nstages: {slow: {noop: {delay: 1500ms}}, after: {noop: , needs: slow}}',
  );
  const server = await serve(where);
  const run = new Turboci(['run', 'plan.yaml', '--server', where.address, '--json'], { cwd: where.folder });
  await run.output(/"ATTEMPT_STATE_RUNNING"/u);
  server.child.kill('SIGKILL');
  await server.ended;
  await serve(where);
  const { code, stdout, stderr } = await run.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = jsonLines(stdout) as { event?: { revision: string } }[];
  const texts = lines.map((line) => JSON.stringify(line));
  expect(new Set(texts).size).toBe(texts.length);
  const revisions = new Set(lines.flatMap(({ event }) => (event === undefined ? [] : [Number(event.revision)])));
  const [first = 0, last = 0] = [Math.min(...revisions), Math.max(...revisions)];
  expect(revisions.size).toBe(last - first + 1);
  expect(stdout).toContain('SERVER_RESTART');
});

test('what a command of --runner executes is none the worse for a server that is killed', PATIENCE, async () => {
  const where = await place('stages: {slow: {runner: t}, after: {noop: , needs: slow}}');
  const server = await serve(where);
  const command = 'echo $$ >> pids; until test -e go; do sleep 0.1; done';
  const args = ['run', 'plan.yaml', '--server', where.address, '--json', '--runner', `t=${command}`];
  const run = new Turboci(args, { cwd: where.folder });
  await run.output(/"ATTEMPT_STATE_RUNNING"/u);
  server.child.kill('SIGKILL');
  await server.ended;
  await serve(where);
  await writeFile(join(where.folder, 'go'), '');
  const { code, stdout, stderr } = await run.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(jsonLines(stdout).at(-1)).toMatchObject({ summary: { stages: { slow: 'succeeded', after: 'succeeded' } } });
  const pids = await readFile(join(where.folder, 'pids'), 'utf8');
  expect(pids.trim().split('\n')).toHaveLength(1);
});

test('cancel ends a plan that runs: its run ends with 1', PATIENCE, async () => {
  const where = await place('stages: {endless: {run: sleep 300}, other: {run: sleep 300}}');
  await serve(where);
  const run = new Turboci(['run', 'plan.yaml', '--server', where.address, '--json'], { cwd: where.folder });
  const [, id] = await run.output(/"workPlanId":"([^"]+)"/u);
  const env = { TURBOCI_SERVER: where.address };
  const stage = await turboci(['cancel', id ?? '', 'other', '--reason', 'not needed'], { env });
  expect(stage).toMatchObject({ code: 0, stdout: 'stage other is cancelled\n' });
  const cancelled = await turboci(['cancel', id ?? '', '--json'], { env });
  expect(JSON.parse(cancelled.stdout)).toMatchObject({ workPlan: { state: 'WORK_PLAN_STATE_CANCELLED' } });
  const { code, stdout } = await run.ended;
  expect(code).toBe(1);
  expect(jsonLines(stdout).at(-1)).toMatchObject({
    summary: { outcome: 'cancelled', stages: { endless: 'cancelled', other: 'cancelled' } },
  });
});

test('Ctrl-C leaves a watch and not the plan', PATIENCE, async () => {
  const where = await place('stages: {endless: {run: sleep 300}}');
  await serve(where);
  const run = new Turboci(['run', 'plan.yaml', '--server', where.address, '--json'], { cwd: where.folder });
  const [, id] = await run.output(/"workPlanId":"([^"]+)"/u);
  const env = { TURBOCI_SERVER: where.address };
  const watch = new Turboci(['watch', id ?? ''], { env });
  await watch.output(/endless +started/u);
  watch.child.kill('SIGINT');
  expect((await watch.ended).code).toBe(130);
  const { stdout } = await turboci(['get', id ?? '', '--json'], { env });
  expect(JSON.parse(stdout)).toMatchObject({ workPlan: { state: 'WORK_PLAN_STATE_ACTIVE' } });
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(143);
});

test(
  'a server that runs no commands refuses the plan, says what to do, and is left with no plan that waits',
  PATIENCE,
  async () => {
    const where = await place('stages: {a: {run: "true"}}');
    await serve(where, { TURBOCI_PROCESS_EXECUTOR: 'off' });
    const { code, stderr } = await turboci(['run', 'plan.yaml', '--server', where.address], { cwd: where.folder });
    expect(code).toBe(76);
    expect(stderr).toMatch(/EXECUTOR_DISABLED/u);
    expect(stderr).toMatch(/TURBOCI_PROCESS_EXECUTOR=on/u);
    const { stdout } = await turboci(['list', '--state', 'active', '--json', '--server', where.address]);
    expect(JSON.parse(stdout)).toEqual({ workPlans: [] });
  },
);

test(
  'add: names of the plan are known, faults have lines, and an attempt that has ended is refused',
  PATIENCE,
  async () => {
    const where = await place(
      'checks: {later: {external: true}}\nstages: {first: {noop: }, last: {noop: , needs: later}}',
    );
    await serve(where);
    const run = new Turboci(['run', 'plan.yaml', '--server', where.address, '--json'], { cwd: where.folder });
    const [, id = ''] = await run.output(/"workPlanId":"([^"]+)"/u);
    const env = { TURBOCI_SERVER: where.address };
    const faulty = await turboci(['add', '-', '--plan', id], { env, input: 'stages: {x: {noop: , needs: frist}}' });
    expect(faulty.code).toBe(64);
    expect(faulty.stderr).toContain(
      'stdin:1:29: stages.x.needs: there is no stage or check "frist"; did you mean "first"?',
    );
    const attempt = {
      TURBOCI_WORK_PLAN_ID: id,
      TURBOCI_STAGE_ID: 'first',
      TURBOCI_ATTEMPT_IDX: '1',
      TURBOCI_EXECUTION_ID: 'x',
    };
    const stale = await turboci(['add', '-'], { env: { ...env, ...attempt }, input: 'stages: {x: {noop: }}' });
    expect(stale.code).toBe(76);
    expect(stale.stderr).toMatch(/ATTEMPT/u);
    const added = await turboci(['add', '-', '--plan', id], {
      env,
      input: 'stages: {x: {noop: , needs: first, answers: later}}',
    });
    expect(added).toMatchObject({ code: 0, stdout: `added to plan ${id}: x\n` });
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ summary: { stages: { x: 'succeeded', last: 'succeeded' } } });
  },
);

test('examples/client.ts speaks to the API', PATIENCE, async () => {
  const where = await place('stages: {}');
  await serve(where);
  const client = spawn(process.execPath, ['examples/client.ts', where.address], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  client.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(client, 'close');
  expect(code).toBe(0);
  expect(output).toMatch(/bottom is FINAL\n/u);
  expect(output).toMatch(/is it good\? SUCCEEDED \[ \{ score: 10 \} \]\n/u);
});
