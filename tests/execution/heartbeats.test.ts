import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { refused } from '../e2e/semantics/harness/refusal.ts';
import { waitFor } from '../support/wait-for.ts';
import { inHand, reportedKinds } from './harness/in-hand.ts';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';
import { ways } from './harness/ways.ts';

const server = useExecutionServer();
const { COMPLETE, INCOMPLETE } = AttemptState;
const executionPolicy = { maxAttempts: 2, heartbeatTimeout: milliseconds(1000) };

describe.each(ways)('heartbeats ($way)', ({ way, mode, options }) => {
  test('keep an attempt alive for much longer than heartbeat_timeout', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', { ms: 3500, beatMs: 200 }, { executionPolicy })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1, state: COMPLETE, progress: [] }] });
    expect(runner.seen('update').length).toBeGreaterThan(3);
    expect(runner.seen('cancel-flag')).toEqual([]);
  });

  test('that fail to come end the attempt INCOMPLETE(HEARTBEAT_LOST), and policy retries it', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', [{ hold: true }, {}], { executionPolicy })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, concludedReason: ConcludedReason.ATTEMPT_COMPLETE });
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, failure: { reason: 'HEARTBEAT_LOST' } },
      { state: COMPLETE },
    ]);
    const [first] = stage.attempts;
    const lasted = inMilliseconds(first?.endedAt) - inMilliseconds(first?.startedAt ?? first?.createdAt);
    expect(lasted, 'how long it lasted, in ms').toBeGreaterThan(900);
    expect(lasted).toBeLessThan(6000);
    if (way !== 'Acquire') {
      await waitFor('the runner to be told', () => runner.seen('cancel')[0]?.executionId === first?.executionId);
    }
    expect((await scene.only()).currentLoad).toBe(0);
  });
});

describe('a heartbeat', () => {
  test.each(reportedKinds)('says when the next one is due (%s)', async (kind) => {
    const { scene, executionId, attempt } = await inHand(server, kind, { executionPolicy });
    const before = inMilliseconds((await attempt()).heartbeatBy);
    await scene.plan.untilStage('build', 'time to pass', () => Date.now() > before - 700);
    const sentAt = Date.now();
    const by = inMilliseconds((await scene.update(executionId)).heartbeatBy);
    expect(by).toBeGreaterThan(before);
    expect(by - sentAt).toBeGreaterThan(900);
    expect(by - Date.now()).toBeLessThanOrEqual(1000);
    await scene.complete(executionId);
  });

  test.each(reportedKinds)('that comes too late is refused, and so is the completion (%s)', async (kind) => {
    const also = { executionPolicy: { ...executionPolicy, maxAttempts: 1 } };
    const { scene, executionId } = await inHand(server, kind, also);
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.NO_RETRIES_LEFT,
      attempts: [{ failure: { reason: 'HEARTBEAT_LOST' } }],
    });
    const before = await scene.plan.snapshot();
    await refused(scene.update(executionId), { code: 'FAILED_PRECONDITION' });
    await refused(scene.complete(executionId), { code: 'FAILED_PRECONDITION' });
    await scene.plan.expectUnchanged(before);
  });

  test('is not owed while an attempt waits for a runner', async () => {
    const scene = await Scene.open(server);
    const { stages } = await scene.plan.write({ stages: [scene.async('build', {}, { executionPolicy })] });
    const createdAt = inMilliseconds(stages[0]?.createdAt);
    const waiting = await scene.plan.untilStage('build', 'an age of two seconds', () => Date.now() > createdAt + 2000);
    expect(lastAttempt(waiting)).toMatchObject({ state: AttemptState.PENDING });
    expectUnset(lastAttempt(waiting), 'heartbeatBy', 'deadline');
    await scene.runner();
    expect(await scene.plan.untilFinal('build')).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
  });

  test('is any write of the holder', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', { executionPolicy });
    const until = Date.now() + 2500;
    await waitFor('two and a half seconds of writes', async () => {
      const currentAttempt = { processUid: executionId, attemptIdx: 1, details: { at: Date.now() } };
      await scene.plan.write({ stages: [{ id: 'build', currentAttempt }] });
      return Date.now() > until;
    });
    expect(await scene.complete(executionId)).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
  });
});
