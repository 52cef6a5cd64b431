import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { NodeView, StageState } from '../../gen/turboci/v1/common_pb.js';
import { findViolations } from '../support/invariants.ts';
import { RpcError } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { launch, type Served, serve } from './serve.ts';
import { createPlan } from './stages.ts';
import { CONSISTENT, contradictions, fill } from './storage/twins.ts';

const MOUNT_BYTES = 8 << 20;
const BALLAST_BYTES = 3 << 20;
/** Stages whose end the full disk refuses. */
const ENDS = 8;
const ENDS_AFTER_MS = 2000;
const STORED_WITHIN_MS = 30_000;
/** Mounts a small file system of its own; undefined when this user may not. */
function smallDisk(folder: string): string | undefined {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${MOUNT_BYTES}`, 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]));
  return disk;
}

test('a full disk: UNAVAILABLE, nothing is acknowledged that is not stored, and it works again when there is room', {
  timeout: 60_000,
}, async (context) => {
  const folder = await scratchFolder();
  const disk = smallDisk(folder);
  if (disk === undefined) return context.skip('only root may mount a small file system');
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
  const path = join(disk, 'turboci.db');
  const { server, api } = await serve(path, { LOG_DIR: join(folder, 'logs') });
  const workPlanId = await createPlan(api);

  const ending = await createPlan(api);
  const stages = Array.from({ length: ENDS }, (_, index) => ({
    id: `ends-${index}`,
    runnerType: 'builtin/noop',
    args: { delay: `${ENDS_AFTER_MS}ms` },
  }));
  await api.writeNodes({ workPlanId: ending, stages });
  const endAt = performance.now() + ENDS_AFTER_MS;
  const openStages = async () => {
    const { stages: all } = await api.queryNodes({ workPlanId: ending, includeStages: true });
    return all.filter(({ state }) => state !== StageState.FINAL).length;
  };

  const large = await fill(api, workPlanId, { prefix: 'large' });
  const small = await fill(api, workPlanId, { prefix: 'small', bytes: 0 });
  const acknowledged = [...large.acknowledged, ...small.acknowledged];
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const error of [...large.errors, ...small.errors]) {
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' });
    expect(error).toHaveProperty('retry.retryDelay');
  }
  // It still answers what is stored.
  expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  await waitFor('the executors to end', () => performance.now() > endAt + ENDS_AFTER_MS);
  const refusedEnds = await openStages();
  expect(refusedEnds).toBeGreaterThan(0);

  rmSync(ballast);
  await api.writeNodes({ workPlanId, checks: [{ id: 'room' }, { id: 'room-twin' }] });
  expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  // The end of a stage that could not be stored is not forgotten either.
  await waitFor('the stages to end', async () => (await openStages()) === 0, STORED_WITHIN_MS);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(findViolations(path)).toEqual([]);
  console.log(
    `full disk: ${acknowledged.length} nodes acknowledged, ${large.errors.length + small.errors.length} writes and ` +
      `${refusedEnds} ends of stages refused, none lost`,
  );
});

const HUGE_BYTES = 900_000;
const HUGE_NODES = 8;
const SMALL_WRITES = 20;

test('a write for which the disk has no room: those beside it are answered truly, those after it are stored', {
  timeout: 60_000,
}, async (context) => {
  const folder = await scratchFolder();
  const disk = smallDisk(folder);
  if (disk === undefined) return context.skip('only root may mount a small file system');
  const path = join(disk, 'turboci.db');
  const { server, api } = await serve(path, { LOG_DIR: join(folder, 'logs') });
  const workPlanId = await createPlan(api);
  const write = async (ids: readonly string[], bytes: number) => {
    const checks = ids.map((id) => ({ id, options: { payload: 'x'.repeat(bytes) } }));
    await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
    return ids;
  };
  const acknowledged: string[] = [];
  for (let round = 0; round < 5; round++) {
    const twins = (name: string) => [`${name}-${round}`, `${name}-${round}-twin`];
    const huge = Array.from({ length: HUGE_NODES / 2 }, (_, index) => twins(`huge-${index}`)).flat();
    const small = Array.from({ length: SMALL_WRITES }, (_, index) => twins(`small-${index}`));
    const [first, ...beside] = await Promise.allSettled([
      write(huge, HUGE_BYTES),
      ...small.map((ids) => write(ids, 0)),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' } });
    for (const end of beside) {
      if (end.status === 'fulfilled') acknowledged.push(...end.value);
      else expect(end.reason).toMatchObject({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' });
    }
    acknowledged.push(...(await write(twins('after'), 0)));
    expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  }
  expect(await storedHuge(api, workPlanId)).toEqual([]);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(findViolations(path)).toEqual([]);
});

async function storedHuge(api: Served['api'], workPlanId: string): Promise<readonly string[]> {
  const { checks } = await api.queryNodes({ workPlanId, view: NodeView.BASIC });
  return checks.map(({ id }) => id).filter((id) => id.startsWith('huge'));
}

test('kill -9 on a full disk: the next server serves or says why not, and works when there is room', {
  timeout: 60_000,
}, async (context) => {
  const folder = await scratchFolder();
  const disk = smallDisk(folder);
  if (disk === undefined) return context.skip('only root may mount a small file system');
  const path = join(disk, 'turboci.db');
  const env = { LOG_DIR: join(folder, 'logs') };
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
  const { server, api } = await serve(path, env);
  const workPlanId = await createPlan(api);
  const large = await fill(api, workPlanId, { prefix: 'large' });
  const small = await fill(api, workPlanId, { prefix: 'small', bytes: 0 });
  server.kill('SIGKILL');
  await server.exit;

  const onFullDisk = launch(path, env);
  const served = await within('the server to serve or end', Promise.allSettled([onFullDisk.serving]));
  console.log(
    `on the full disk it ${served[0].status === 'fulfilled' ? 'serves' : `ends: ${String(served[0].reason)}`}`,
  );
  onFullDisk.kill('SIGKILL');
  const { signal, stderr } = await onFullDisk.exit;
  if (signal === null) expect(stderr).toContain(path);

  rmSync(ballast);
  const again = await serve(path, env);
  expect(await contradictions(again.api, workPlanId, [...large.acknowledged, ...small.acknowledged])).toEqual(
    CONSISTENT,
  );
  await again.api.writeNodes({ workPlanId, checks: [{ id: 'room' }, { id: 'room-twin' }] });
  expect(findViolations(path)).toEqual([]);
});

test('files that may not grow: the server answers UNAVAILABLE and ends rather than go on in doubt; nothing is lost', {
  timeout: 60_000,
}, async () => {
  const path = join(await scratchFolder(), 'turboci.db');
  const { server, api } = await serve(path);
  const workPlanId = await createPlan(api);
  const limit = statSync(`${path}-wal`).size + (1 << 20);
  // A write beyond fails with EFBIG, which for SQLite is an I/O error and not a full disk.
  execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${limit}`]);

  const { acknowledged, errors } = await fill(api, workPlanId, { prefix: 'cut' });
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(new Set(errors.map((error) => (error instanceof RpcError ? error.code : error)))).toEqual(
    new Set(['UNAVAILABLE']),
  );
  expect((await within('the server to end', server.exit)).code).toBe(70);
  expect(server.log.join('\n')).toContain('"level":"fatal"');
  expect(errors.filter((error) => error instanceof RpcError && error.retry !== undefined).length).toBeGreaterThan(0);

  const again = await serve(path);
  expect(await contradictions(again.api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  await again.api.writeNodes({ workPlanId, checks: [{ id: 'room' }] });
  expect(findViolations(path)).toEqual([]);
});
