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
import { createPlan, stageOf } from './stages.ts';

const MOUNT_BYTES = 8 << 20;
const BALLAST_BYTES = 3 << 20;
const PAYLOAD = 'x'.repeat(20_000);
const LANES = 4;
/** With this many refusals in a row nothing gets through by chance any more. */
const ENOUGH_REFUSALS = 3;

/** Twins are written together: both are there, or neither. */
type Outcome = { readonly acknowledged: readonly string[]; readonly errors: readonly unknown[] };

/** Writes pairs of large nodes over several calls at a time, each until it has been refused a few times. */
async function fill(api: Served['api'], workPlanId: string, prefix: string, payload = PAYLOAD): Promise<Outcome> {
  const acknowledged: string[] = [];
  const errors: unknown[] = [];
  const lane = async (name: number) => {
    for (let count = 0, refused = 0; refused < ENOUGH_REFUSALS; count++) {
      const id = `${prefix}-${name}-${count}`;
      const checks = [id, `${id}-twin`].map((twin) => ({ id: twin, options: { payload } }));
      try {
        await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
        acknowledged.push(...checks.map((check) => check.id));
        refused = 0;
      } catch (error) {
        errors.push(error);
        refused += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, name) => lane(name)));
  return { acknowledged, errors };
}

/** What is stored, and what of it cannot be: nodes without their twins, and acknowledged ones that are missing. */
async function contradictions(api: Served['api'], workPlanId: string, acknowledged: readonly string[]) {
  const { checks } = await api.queryNodes({ workPlanId, view: NodeView.BASIC });
  const stored = new Set(checks.map(({ id }) => id));
  const twinOf = (id: string) => (id.endsWith('-twin') ? id.slice(0, -'-twin'.length) : `${id}-twin`);
  return {
    lost: acknowledged.filter((id) => !stored.has(id)),
    halves: [...stored].filter((id) => !stored.has(twinOf(id))),
  };
}

const CONSISTENT = { lost: [], halves: [] };

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
  await api.writeNodes({
    workPlanId: ending,
    stages: [{ id: 'ends', runnerType: 'builtin/noop', args: { delay: '2s' } }],
  });

  const large = await fill(api, workPlanId, 'large');
  const small = await fill(api, workPlanId, 'small', '');
  const acknowledged = [...large.acknowledged, ...small.acknowledged];
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const error of [...large.errors, ...small.errors]) {
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' });
    expect(error).toHaveProperty('retry.retryDelay');
  }
  // It still answers what is stored.
  expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);

  rmSync(ballast);
  await api.writeNodes({ workPlanId, checks: [{ id: 'room' }, { id: 'room-twin' }] });
  expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  // The end of a stage that could not be stored is not forgotten either.
  await waitFor('the stage to end', async () => (await stageOf(api, ending, 'ends')).state === StageState.FINAL);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(findViolations(path)).toEqual([]);
});

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
  const large = await fill(api, workPlanId, 'large');
  const small = await fill(api, workPlanId, 'small', '');
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

  const { acknowledged, errors } = await fill(api, workPlanId, 'cut');
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(new Set(errors.map((error) => (error instanceof RpcError ? error.code : error)))).toEqual(
    new Set(['UNAVAILABLE']),
  );
  expect((await within('the server to end', server.exit)).code).toBe(70);
  expect(server.log.join('\n')).toContain('"level":"fatal"');

  const again = await serve(path);
  expect(await contradictions(again.api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  await again.api.writeNodes({ workPlanId, checks: [{ id: 'room' }] });
  expect(findViolations(path)).toEqual([]);
});
