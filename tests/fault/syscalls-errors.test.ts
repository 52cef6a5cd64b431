import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient, turboci } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { RpcError } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { within } from '../support/wait-for.ts';
import { codesOf } from './crash/faults-of.ts';
import { Dice, seedFrom } from './dice.ts';
import { databasePath, type Env, launch, type Served, serve } from './serve.ts';
import { createPlan } from './stages.ts';
import { CONSISTENT, contradictions, fill } from './storage/twins.ts';
import { filesOf, type Injection, injectedIn, launchInjected, tracingObstacle, type When } from './syscalls/strace.ts';

const obstacle = tracingObstacle();

type Failure = { readonly call: Injection['call']; readonly effect: 'error=EIO' | 'error=ENOSPC'; readonly when: When };

/** What Node has compiled once is kept for the servers of all tests. */
let compiled: Env;

beforeAll(async () => {
  compiled = { NODE_COMPILE_CACHE: await mkdtemp(join(tmpdir(), 'turboci-compiled-')) };
});

const sum = { failed: 0, acknowledged: 0 };

function count(path: string, acknowledged: readonly string[]): void {
  sum.failed += injectedIn(path);
  sum.acknowledged += acknowledged.length;
}

afterAll(async () => {
  await rm(compiled.NODE_COMPILE_CACHE ?? '', { recursive: true });
  console.log(`${sum.failed} system calls failed under load, ${sum.acknowledged} nodes acknowledged, none lost`);
});

const TIMEOUT = { timeout: 60_000 };

/** Calls on the WAL that a server on a new file makes before it serves, and some more. */
const [FSYNC, WRITE] = [8, 200];

/** Of each lane: by then the call has long come. */
const ENOUGH_WRITES = 25;

describe('the WAL', () => {
  test.for<Failure>([
    { call: 'fsync', effect: 'error=EIO', when: `${FSYNC}` },
    { call: 'fsync', effect: 'error=EIO', when: `${FSYNC}+` },
    { call: 'pwrite64', effect: 'error=EIO', when: `${WRITE}` },
    { call: 'pwrite64', effect: 'error=EIO', when: `${WRITE}+` },
  ])(
    '$call fails with $effect at $when: the callers are told, the server ends, nothing is lost',
    TIMEOUT,
    async (failure, context) => {
      if (obstacle !== undefined) return context.skip(obstacle);
      const path = await databasePath();
      const { server, api } = await serveFailing(path, { ...failure, files: [`${path}-wal`] });
      const workPlanId = await createPlan(api);
      const { acknowledged, errors } = await fill(api, workPlanId, { prefix: 'cut', most: ENOUGH_WRITES });
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(codesOf(errors)).toEqual(['UNAVAILABLE']);
      expect(refusalsIn(errors)).toBeGreaterThan(0);
      expect((await within('the server to end', server.exit)).code).toBe(70);
      expect(server.log.join('\n')).toContain('"level":"fatal"');
      await expectAllIn(path, workPlanId, acknowledged);
    },
  );

  test('is out of space once: the batch is refused, everything after it is stored', TIMEOUT, async (context) => {
    if (obstacle !== undefined) return context.skip(obstacle);
    const path = await databasePath();
    const failure: Injection = { call: 'pwrite64', effect: 'error=ENOSPC', when: `${WRITE}`, files: [`${path}-wal`] };
    const { server, api } = await serveFailing(path, failure);
    const workPlanId = await createPlan(api);
    const { acknowledged, errors } = await fill(api, workPlanId, { prefix: 'on', most: ENOUGH_WRITES });
    expect(refusalsIn(errors)).toBe(errors.length);
    expect(errors.length).toBeGreaterThan(0);
    expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
    server.kill('SIGTERM');
    expect((await server.exit).code).toBe(0);
    await expectAllIn(path, workPlanId, acknowledged);
    count(path, acknowledged);
  });

  test(
    'is out of space for good: writes are refused, reads answered, and it can be stopped',
    TIMEOUT,
    async (context) => {
      if (obstacle !== undefined) return context.skip(obstacle);
      const path = await databasePath();
      const failure: Injection = {
        call: 'pwrite64',
        effect: 'error=ENOSPC',
        when: `${WRITE}+`,
        files: [`${path}-wal`],
      };
      const { server, api } = await serveFailing(path, failure);
      const workPlanId = await createPlan(api);
      const { acknowledged, errors } = await fill(api, workPlanId, { prefix: 'full', most: ENOUGH_WRITES });
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(refusalsIn(errors)).toBe(errors.length);
      expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
      server.kill('SIGTERM');
      expect((await server.exit).code).toBe(0);
      await expectAllIn(path, workPlanId, acknowledged);
    },
  );
});

/** The first part of the index is allocated when the database is opened, by a byte in each of its pages. */
const INDEX_PAGES = 8;

/** Enough for the WAL to be moved into the database, which is the only time at which that is written. */
const UNTIL_CHECKPOINT = { prefix: 'large', bytes: 250_000, most: 12 };

describe('the database, in a checkpoint', () => {
  test.for<Failure>([
    { call: 'fsync', effect: 'error=EIO', when: '1+' },
    { call: 'pwrite64', effect: 'error=EIO', when: '20' },
    { call: 'pwrite64', effect: 'error=ENOSPC', when: '20+' },
  ])('$call fails with $effect at $when: the WAL has it all, the server goes on', TIMEOUT, async (failure, context) => {
    if (obstacle !== undefined) return context.skip(obstacle);
    const path = await databasePath();
    const made = await serve(path, compiled);
    made.server.kill('SIGTERM');
    await made.server.exit;
    const { server, api } = await serveFailing(path, { ...failure, files: [path] });
    const workPlanId = await createPlan(api);
    const { acknowledged, errors } = await fill(api, workPlanId, UNTIL_CHECKPOINT);
    expect(errors).toEqual([]);
    expect(injectedIn(path)).toBeGreaterThan(0);
    expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
    server.kill('SIGTERM');
    expect((await server.exit).code).toBe(0);
    await expectAllIn(path, workPlanId, acknowledged);
    count(path, acknowledged);
  });
});

test('there is no room for the index of the WAL to grow: nothing acknowledged is lost', TIMEOUT, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const path = await databasePath();
  const index = [`${path}-shm`];
  const failure: Injection = { call: 'pwrite64', effect: 'error=ENOSPC', when: `${INDEX_PAGES + 1}+`, files: index };
  const { server, api } = await serveFailing(path, failure);
  const workPlanId = await createPlan(api);
  const { acknowledged, errors } = await fill(api, workPlanId, UNTIL_CHECKPOINT);
  expect(injectedIn(path)).toBeGreaterThan(0);
  expect(codesOf(errors)).toEqual(['UNAVAILABLE']);
  expect(refusalsIn(errors)).toBeGreaterThan(0);
  expect((await within('the server to end', server.exit)).code).toBe(70);
  await expectAllIn(path, workPlanId, acknowledged);
  count(path, acknowledged);
});

const STARTS = effort(4, 200);

test(`a system call of the first start fails, ${STARTS} times: it ends saying so, or serves; the next start serves`, {
  timeout: effort(60_000, 1_800_000),
}, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const dice = new Dice(seedFrom('START_ERROR_SEED'));
  const folder = await scratchFolder();
  let refused = 0;
  for (let start = 1; start <= STARTS; start++) {
    const path = join(folder, `start-${start}.db`);
    const call = dice.pick(['pwrite64', 'fsync'] as const);
    const when: When = `${1 + dice.below(call === 'fsync' ? 5 : 95)}${dice.pick(['', '+'] as const)}`;
    const effect = dice.pick(['error=EIO', 'error=ENOSPC'] as const);
    const server = launchInjected(path, compiled, { call, when, effect, files: filesOf(path) });
    const address = await server.serving.catch(() => undefined);
    server.kill('SIGKILL');
    const { stderr, code } = await server.exit;
    if (address === undefined) {
      refused += 1;
      expect(code, `${call} ${effect} ${when}: ${stderr}`).toBe(73);
      expect(stderr).toContain(path);
    }
    const next = launch(path, compiled);
    await next.serving;
    expect(findViolations(path), `${call} ${effect} ${when}`).toEqual([]);
    next.kill('SIGTERM');
    expect((await next.exit).code).toBe(0);
  }
  console.log(`${refused} of ${STARTS} first starts refused after an error, every next one served`);
  expect(refused).toBeGreaterThan(0);
});

async function serveFailing(path: string, injection: Injection) {
  const server = launchInjected(path, compiled, injection);
  const client = new TestClient(await server.serving);
  return { server, api: turboci(client) };
}

/** How many of the errors are the server's own answer, which says that it is the storage and when to try again. */
function refusalsIn(errors: readonly unknown[]): number {
  const refusals = errors.filter((error) => error instanceof RpcError && error.reason === 'STORAGE_UNAVAILABLE');
  for (const refusal of refusals) expect(refusal).toHaveProperty('retry.retryDelay');
  return refusals.length;
}

/** The next server has all that was acknowledged, no half of a write, and can be written. */
async function expectAllIn(path: string, workPlanId: string, acknowledged: readonly string[]): Promise<void> {
  const { api, server }: Served = await serve(path, compiled);
  expect(await contradictions(api, workPlanId, acknowledged)).toEqual(CONSISTENT);
  await api.writeNodes({ workPlanId, checks: [{ id: 'more' }, { id: 'more-twin' }] });
  expect(findViolations(path)).toEqual([]);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
}
