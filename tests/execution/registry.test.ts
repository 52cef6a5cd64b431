import { describe, expect, test } from 'vitest';
import { ExecutionMode, Outcome } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { type Expected, refused } from '../e2e/semantics/harness/refusal.ts';
import { waitFor } from '../support/wait-for.ts';
import { inMilliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';

const server = useExecutionServer();
const { SYNC, ASYNC } = ExecutionMode;
const address = '127.0.0.1:1';
/** An enum number that no enum has. */
const UNHEARD_OF: number = 7;

describe('RegisterStageRunner', () => {
  test('lists the runner as it registered', async () => {
    const scene = await Scene.open(server);
    const before = Date.now();
    const metadata = { host: 'ci-7', os: 'linux' };
    const answer = await scene.register('r', { address, maxConcurrent: 5, ttlSeconds: 120n, metadata });
    const runner = await scene.only();
    expect(runner).toMatchObject({
      runnerId: 'r',
      registrationId: answer.registrationId,
      runnerType: scene.runnerType,
      address,
      supportedModes: [SYNC, ASYNC],
      maxConcurrent: 5,
      currentLoad: 0,
      expiresAt: answer.expiresAt,
      metadata,
      suspended: false,
    });
    expect(answer.registrationId).not.toBe('');
    expect(runner.registeredAt).toEqual(runner.lastHeartbeat);
    expect(inMilliseconds(runner.expiresAt)).toBeCloseTo(inMilliseconds(runner.lastHeartbeat) + 120_000, 0);
    expect(inMilliseconds(runner.registeredAt)).toBeGreaterThanOrEqual(before - 1);
  });

  test('fills in what is left out: SYNC, 300 s, no limit, no address', async () => {
    const scene = await Scene.open(server);
    const { registerStageRunner } = TurboCIOrchestrator.method;
    await scene.client.call(registerStageRunner, { runnerId: 'r', runnerType: scene.runnerType });
    const runner = await scene.only();
    expect(runner).toMatchObject({ supportedModes: [SYNC], maxConcurrent: 0, address: '', metadata: {} });
    expect(inMilliseconds(runner.expiresAt) - inMilliseconds(runner.lastHeartbeat)).toBeCloseTo(300_000, 0);
  });

  test.each([1n, 86_400n])('takes a TTL of %i s', async (ttlSeconds) => {
    const scene = await Scene.open(server);
    const { expiresAt } = await scene.register('r', { ttlSeconds });
    const { lastHeartbeat } = await scene.only();
    expect(inMilliseconds(expiresAt) - inMilliseconds(lastHeartbeat)).toBeCloseTo(Number(ttlSeconds) * 1000, 0);
  });

  test.each(['127.0.0.1:50051', 'localhost:8080', 'ci-7.example.org:443', '[::1]:50051'])(
    'takes the address %s',
    async (good) => {
      const scene = await Scene.open(server);
      await scene.register('r', { address: good });
      expect(await scene.only()).toMatchObject({ address: good });
    },
  );

  test.each([
    { what: 'no runner id', change: { runnerId: '' }, field: 'runner_id' },
    { what: 'a runner id of 257 bytes', change: { runnerId: 'x'.repeat(257) }, field: 'runner_id' },
    { what: 'a runner id with a control character', change: { runnerId: 'a\nb' }, field: 'runner_id' },
    { what: 'no type', change: { runnerType: '' }, field: 'runner_type' },
    { what: 'a type of 257 bytes', change: { runnerType: 'x'.repeat(257) }, field: 'runner_type' },
    { what: 'an address without a port', change: { address: 'localhost' }, field: 'address' },
    { what: 'an address with an impossible port', change: { address: 'localhost:65536' }, field: 'address' },
    { what: 'an address that is none', change: { address: 'not an address' }, field: 'address' },
    { what: 'an unheard-of mode', change: { supportedModes: [SYNC, UNHEARD_OF] }, field: 'supported_modes[1]' },
    { what: 'a negative max_concurrent', change: { maxConcurrent: -1 }, field: 'max_concurrent' },
    { what: 'a negative TTL', change: { ttlSeconds: -1n }, field: 'ttl_seconds' },
    { what: 'a TTL of more than 24 h', change: { ttlSeconds: 86_401n }, field: 'ttl_seconds' },
    { what: 'a value of metadata of 4097 bytes', change: { metadata: { key: 'x'.repeat(4097) } }, field: undefined },
  ])('refuses $what', async ({ change, field }) => {
    const scene = await Scene.open(server);
    const request = { runnerId: 'r', runnerType: scene.runnerType, address, ...change };
    const expected: Expected = { code: 'INVALID_ARGUMENT', ...(field === undefined ? {} : { field }) };
    await refused(scene.client.call(TurboCIOrchestrator.method.registerStageRunner, request), expected);
    expect(await scene.listed()).toEqual([]);
  });
});

describe('a renewal', () => {
  test('replaces the registration id, moves the expiry, and keeps when the runner first came', async () => {
    const scene = await Scene.open(server);
    const first = await scene.register('r', { address, ttlSeconds: 10n });
    const before = await scene.only();
    const second = await scene.register('r', { address, ttlSeconds: 100n, maxConcurrent: 3, metadata: { round: '2' } });
    expect(second.registrationId).not.toBe(first.registrationId);
    const after = await scene.only();
    expect(after).toMatchObject({ registrationId: second.registrationId, maxConcurrent: 3, metadata: { round: '2' } });
    expect(after.registeredAt).toEqual(before.registeredAt);
    expect(inMilliseconds(after.lastHeartbeat)).toBeGreaterThanOrEqual(inMilliseconds(before.lastHeartbeat));
    expect(inMilliseconds(after.expiresAt)).toBeGreaterThan(inMilliseconds(before.expiresAt));
    await refused(scene.unregister(first.registrationId), { code: 'NOT_FOUND', reason: 'REGISTRATION_NOT_FOUND' });
    expect(await scene.listed()).toHaveLength(1);
    await scene.unregister(second.registrationId);
    expect(await scene.listed()).toEqual([]);
    await refused(scene.unregister(second.registrationId), { code: 'NOT_FOUND', reason: 'REGISTRATION_NOT_FOUND' });
  });

  test('keeps the load; a lower limit holds from now on, a higher one brings more work', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    const register = (maxConcurrent: number) =>
      scene.register(runner.runnerId, { address: runner.address, maxConcurrent });
    await register(2);
    const ids = Array.from({ length: 6 }, (_, index) => `s${index}`);
    await scene.plan.write({ stages: ids.map((id) => scene.sync(id, { hold: true })) });
    await runner.until('start', undefined, 2);
    await register(2);
    expect(await scene.only()).toMatchObject({ currentLoad: 2, maxConcurrent: 2 });
    await register(4);
    await runner.until('start', undefined, 4);
    expect(await scene.only()).toMatchObject({ currentLoad: 4 });
    await register(1);
    const begun = runner.seen('start').map(({ stage }) => stage);
    for (const stage of begun.slice(0, 3)) {
      await runner.release(stage);
      await scene.plan.untilFinal(stage);
    }
    expect(runner.seen('start')).toHaveLength(4);
    await runner.release();
    expect(await scene.plan.untilOver()).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(await scene.only()).toMatchObject({ currentLoad: 0 });
  });

  test('is for one type: a runner of two types has two registrations', async () => {
    const scene = await Scene.open(server);
    const other = `${scene.runnerType}-other`;
    const one = await scene.register('r');
    const two = await scene.register('r', { runnerType: other });
    const { listStageRunners } = TurboCIOrchestrator.method;
    const ids = async (runnerType: string) =>
      (await scene.client.call(listStageRunners, { runnerType })).runners.map(({ registrationId }) => registrationId);
    expect(await ids(scene.runnerType)).toEqual([one.registrationId]);
    expect(await ids(other)).toEqual([two.registrationId]);
    expect(await ids('')).toEqual(expect.arrayContaining([one.registrationId, two.registrationId]));
    await scene.unregister(one.registrationId);
    expect(await ids(other)).toEqual([two.registrationId]);
  });
});

describe('a registration', () => {
  test('expires unless it is renewed', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ ttlSeconds: 1 });
    await scene.register('silent', { address, ttlSeconds: 1n });
    await waitFor('the other one to expire', async () => (await scene.listed()).length === 1);
    await runner.until('register', undefined, 6);
    expect(await scene.only()).toMatchObject({ runnerId: runner.runnerId });
    await scene.plan.write({ stages: [scene.sync('build')] });
    await scene.plan.untilFinal('build');
  });

  test('that has expired is gone for Unregister too', async () => {
    const scene = await Scene.open(server);
    const { registrationId } = await scene.register('r', { ttlSeconds: 1n });
    await waitFor('it to expire', async () => (await scene.listed()).length === 0);
    await refused(scene.unregister(registrationId), { code: 'NOT_FOUND', reason: 'REGISTRATION_NOT_FOUND' });
  });

  test('that nobody knows is NOT_FOUND, one without a name a wrong field', async () => {
    const scene = await Scene.open(server);
    await refused(scene.unregister('no-such-registration'), { code: 'NOT_FOUND', reason: 'REGISTRATION_NOT_FOUND' });
    await refused(scene.unregister(''), { code: 'INVALID_ARGUMENT', field: 'registration_id' });
  });
});
