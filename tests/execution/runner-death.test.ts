import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome } from '../../gen/turboci/v1/common_pb.js';
import { waitFor } from '../support/wait-for.ts';
import { milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { ways } from './harness/ways.ts';
import { spans } from './harness/work-log.ts';

const server = useExecutionServer();
const { COMPLETE, INCOMPLETE } = AttemptState;
const beats = { heartbeatTimeout: milliseconds(1000) };

describe('a runner that is killed at work', () => {
  test('by Run: the broken call ends the attempt, and another runner gets the next', async () => {
    const scene = await Scene.open(server);
    const victim = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('build', [{ hold: true }, {}])] });
    await victim.until('start', 'build');
    const heir = await scene.runner();
    await victim.kill('SIGKILL');
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, runnerId: victim.runnerId, failure: { reason: 'RUNNER_ERROR' } },
      { state: COMPLETE, runnerId: heir.runnerId },
    ]);
    expect(spans(victim, heir)).toMatchObject([{ to: Number.POSITIVE_INFINITY }, { runnerId: heir.runnerId }]);
  });

  test.each(ways.slice(1))('by $way: silence ends the attempt, and another runner gets the next', async (by) => {
    const scene = await Scene.open(server);
    const victim = await scene.runner(by.options);
    const act = [{ hold: true, beatMs: 200 }, {}];
    await scene.plan.write({ stages: [scene[by.mode]('build', act, { executionPolicy: beats })] });
    await victim.until('update', 'build', 2);
    await victim.kill('SIGKILL');
    const heir = await scene.runner(by.options);
    const stage = await scene.plan.untilFinal('build');
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, runnerId: victim.runnerId, failure: { reason: 'HEARTBEAT_LOST' } },
      { state: COMPLETE, runnerId: heir.runnerId },
    ]);
    expect(spans(victim, heir)).toHaveLength(2);
  });

  test.each(ways)('without heartbeats costs no more than the attempt_timeout ($way)', async (by) => {
    const scene = await Scene.open(server);
    await scene.runner(by.options);
    const executionPolicy = { maxAttempts: 1, attemptTimeout: milliseconds(2000) };
    await scene.plan.write({ stages: [scene[by.mode]('build', { do: 'die' }, { executionPolicy })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.FAILED, concludedReason: ConcludedReason.NO_RETRIES_LEFT });
    const reason = stage.attempts[0]?.failure?.reason ?? '';
    expect(by.way === 'Run' ? ['RUNNER_ERROR'] : ['TIMEOUT', 'RUNNER_ERROR']).toContain(reason);
  });

  test('before it has accepted by RunAsync: nobody knows what it has begun, so the attempt is INCOMPLETE', async () => {
    const scene = await Scene.open(server);
    const victim = await scene.runner();
    await scene.plan.write({ stages: [scene.async('build', [{ accepts: 'last', do: 'die' }, {}])] });
    await victim.until('start', 'build');
    const heir = await scene.runner();
    const stage = await scene.plan.untilFinal('build');
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, runnerId: victim.runnerId, failure: { reason: 'RUNNER_ERROR' } },
      { state: COMPLETE, runnerId: heir.runnerId },
    ]);
  });

  test('again and again uses up the attempts, one for each', async () => {
    const scene = await Scene.open(server);
    const victims = [await scene.runner(), await scene.runner(), await scene.runner()];
    await scene.plan.write({ stages: [scene.sync('build', { do: 'die' })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.FAILED, concludedReason: ConcludedReason.NO_RETRIES_LEFT });
    expect(stage.attempts.map(({ runnerId }) => runnerId).toSorted()).toEqual(victims.map(({ runnerId }) => runnerId));
    expect(spans(...victims)).toHaveLength(3);
  });

  test('and started again under its name goes on with what waits', async () => {
    const scene = await Scene.open(server);
    const runnerId = `${scene.runnerType}-phoenix`;
    const before = await scene.runner({ runnerId, maxConcurrent: 1 });
    await scene.plan.write({ stages: [scene.sync('one', [{ hold: true }, {}]), scene.sync('two')] });
    await before.until('start');
    await before.kill('SIGKILL');
    const after = await scene.runner({ runnerId, maxConcurrent: 1 });
    for (const id of ['one', 'two'])
      expect(await scene.plan.untilFinal(id)).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(await scene.only()).toMatchObject({ runnerId, address: after.address, currentLoad: 0, suspended: false });
  });
});

describe('a runner that hangs', () => {
  test('loses its attempt by silence; what it says when it wakes up is of no account', async () => {
    const scene = await Scene.open(server);
    const frozen = await scene.runner();
    const act = [{ hold: true, beatMs: 200, answer: { details: { stale: true } } }, {}];
    const executionPolicy = { ...beats, maxAttempts: 2 };
    await scene.plan.write({
      stages: [scene.sync('sync', act, { executionPolicy }), scene.async('async', act, { executionPolicy })],
    });
    await frozen.until('update', 'sync');
    await frozen.until('update', 'async');
    await frozen.kill('SIGSTOP');
    await scene.unregister((await scene.only()).registrationId);
    await scene.runner();
    const outcomes = [await scene.plan.untilFinal('sync'), await scene.plan.untilFinal('async')];
    for (const { attempts } of outcomes) {
      expect(attempts).toMatchObject([
        { state: INCOMPLETE, failure: { reason: 'HEARTBEAT_LOST' } },
        { state: COMPLETE },
      ]);
    }
    const before = await scene.plan.snapshot();
    await frozen.kill('SIGCONT');
    await frozen.release();
    await frozen.until('end', 'sync');
    await frozen.until('end', 'async');
    expect(await frozen.until('complete', 'async')).toMatchObject({ outcome: 'FAILED_PRECONDITION' });
    await scene.plan.expectUnchanged(before);
  });
});

describe('a runner that leaves', () => {
  test('by Unregister gets nothing more, and finishes what it has', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    const { registrationId } = await scene.register(runner.runnerId, { address: runner.address });
    await scene.plan.write({ stages: [scene.sync('sync', { hold: true }), scene.async('async', { hold: true })] });
    await runner.until('start', 'sync');
    await runner.until('start', 'async');
    await scene.unregister(registrationId);
    expect(await scene.listed()).toEqual([]);
    await scene.plan.write({ stages: [scene.sync('more')] });
    await runner.release();
    for (const id of ['sync', 'async']) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
    }
    expect(runner.seen('start', 'more')).toEqual([]);
    await scene.register(runner.runnerId, { address: runner.address });
    await scene.plan.untilFinal('more');
  });

  test('by the end of its registration gets nothing more, and finishes what it has', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    await scene.register(runner.runnerId, { address: runner.address, ttlSeconds: 1n });
    await scene.plan.write({ stages: [scene.async('build', { hold: true })] });
    await runner.until('start', 'build');
    await waitFor('the registration to expire', async () => (await scene.listed()).length === 0);
    await scene.plan.write({ stages: [scene.sync('more')] });
    await runner.release();
    expect(await scene.plan.untilFinal('build')).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
    expect(runner.seen('start', 'more')).toEqual([]);
    await scene.plan.cancel();
  });
});
