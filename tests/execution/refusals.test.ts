import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { refusal } from '../support/rpc-error.ts';
import { milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';

const server = useExecutionServer();
const succeeded = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;
/** Nobody listens there. */
const DEAD = '127.0.0.1:1';

/** What proves that a runner has begun nothing. */
const proofs = [
  { proof: 'accepted = false', mode: 'async', refuses: 'NOT_ACCEPTED' },
  { proof: 'RESOURCE_EXHAUSTED', mode: 'async', refuses: 'RESOURCE_EXHAUSTED' },
  { proof: 'RESOURCE_EXHAUSTED', mode: 'sync', refuses: 'RESOURCE_EXHAUSTED' },
  { proof: 'UNIMPLEMENTED', mode: 'async', refuses: 'UNIMPLEMENTED' },
  { proof: 'UNIMPLEMENTED', mode: 'sync', refuses: 'UNIMPLEMENTED' },
] as const;

describe.each(proofs)('$proof from a runner ($mode)', ({ mode, refuses }) => {
  test('costs no attempt; the attempt goes to another runner at once, and this one is suspended', async () => {
    const scene = await Scene.open(server);
    const refusing = await scene.runner({ refuses });
    await scene.plan.write({ stages: [scene[mode]('build', {}, { executionPolicy: { maxAttempts: 1 } })] });
    const { executionId } = await refusing.until('refuse', 'build');
    await scene.untilListed('the suspension', ({ suspended, currentLoad }) => suspended && currentLoad === 0);
    const waiting = await scene.plan.stage('build');
    const unowned = { idx: 1, state: AttemptState.PENDING, executionId: '', runnerId: '', processUid: '' };
    expect(waiting).toMatchObject({ state: StageState.ATTEMPTING, attempts: [unowned] });
    expectUnset(waiting.attempts[0], 'deadline', 'failure', 'endedAt', 'heartbeatBy');
    await refusing.kill('SIGSTOP');
    const willing = await scene.runner();
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({
      ...succeeded,
      attempts: [{ idx: 1, runnerId: willing.runnerId }],
    });
    expect(stage.attempts[0]?.executionId).not.toBe(executionId);
    const late = await refusal(scene.complete(executionId));
    expect(['NOT_FOUND', 'FAILED_PRECONDITION']).toContain(late.code);
  });

  test('ends by itself: the runner is asked by Ping, and gets the attempt', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ refuses });
    await scene.plan.write({ stages: [scene[mode]('build', {}, { executionPolicy: { maxAttempts: 1 } })] });
    const refused = await runner.until('refuse', 'build');
    await runner.refuse();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      ...succeeded,
      attempts: [{ idx: 1 }],
    });
    const [ping] = runner.seen('ping');
    const [start] = runner.seen('start', 'build');
    expect(ping?.time).toBeGreaterThanOrEqual(refused.time + 900);
    expect(start?.time).toBeGreaterThanOrEqual(ping?.time ?? Number.POSITIVE_INFINITY);
    expect(await scene.only()).toMatchObject({ suspended: false, currentLoad: 0 });
  });
});

describe('a dead address', () => {
  test('costs no attempt, suspends the runner, and a registration with another address ends that', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    await scene.register(runner.runnerId, { address: DEAD });
    const policy = { executionPolicy: { maxAttempts: 1 } };
    await scene.plan.write({ stages: [scene.sync('one', {}, policy), scene.async('two', {}, policy)] });
    await scene.untilListed('the suspension', ({ suspended }) => suspended);
    await scene.register(runner.runnerId, { address: DEAD });
    expect(await scene.only(), 'a renewal changes nothing').toMatchObject({ suspended: true, currentLoad: 0 });
    await scene.register(runner.runnerId, { address: runner.address });
    expect(await scene.only()).toMatchObject({ suspended: false, address: runner.address });
    for (const id of ['one', 'two']) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({
        ...succeeded,
        attempts: [{ idx: 1 }],
      });
    }
  });

  test('does not keep work from a runner that lives', async () => {
    const scene = await Scene.open(server);
    await scene.register('dead', { address: DEAD });
    const runner = await scene.runner({ maxConcurrent: 2 });
    const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
    const policy = { executionPolicy: { maxAttempts: 1 } };
    await scene.plan.write({ stages: ids.map((id) => scene.sync(id, {}, policy)) });
    for (const id of ids) expect(await scene.plan.untilFinal(id)).toMatchObject(succeeded);
    expect(runner.seen('start')).toHaveLength(20);
  });

  test('makes a stage wait until its stage_timeout, no longer', async () => {
    const scene = await Scene.open(server);
    await scene.register('dead', { address: DEAD });
    const executionPolicy = { stageTimeout: milliseconds(1500) };
    await scene.plan.write({ stages: [scene.sync('build', {}, { executionPolicy })] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.STAGE_TIMEOUT,
      attempts: [{ idx: 1, state: AttemptState.INCOMPLETE, failure: { reason: 'TIMEOUT' } }],
    });
  });

  test('of a runner that has died since its registration is found out by the next call', async () => {
    const scene = await Scene.open(server);
    const dying = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('warm-up')] });
    await scene.plan.untilFinal('warm-up');
    await dying.kill('SIGKILL');
    const heir = await scene.runner();
    const ids = Array.from({ length: 6 }, (_, index) => `s${index}`);
    const policy = { executionPolicy: { maxAttempts: 1 } };
    await scene.plan.write({ stages: ids.map((id) => scene.sync(id, {}, policy)) });
    for (const id of ids) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({ ...succeeded, attempts: [{ runnerId: heir.runnerId }] });
    }
  });
});
