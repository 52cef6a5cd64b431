import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';
import { ways } from './harness/ways.ts';
import { spans } from './harness/work-log.ts';

const server = useExecutionServer();
const { COMPLETE, INCOMPLETE } = AttemptState;
const failed = { state: StageState.FINAL, outcome: Outcome.FAILED } as const;

describe.each(ways)('an attempt that fails ($way)', ({ mode, options }) => {
  test('is followed by another one, which may succeed', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', [{ do: 'fail' }, {}])] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, concludedReason: ConcludedReason.ATTEMPT_COMPLETE });
    expect(stage.attempts).toMatchObject([
      { idx: 1, state: INCOMPLETE, failure: { message: 'it failed', reason: 'BROKEN_TEST' } },
      { idx: 2, state: COMPLETE },
    ]);
    expectUnset(stage.attempts[1], 'failure');
    expect(runner.seen('start').map(({ idx }) => idx)).toEqual([1, 2]);
    expect(spans(runner).map(({ executionId }) => executionId)).toEqual(
      stage.attempts.map(({ executionId }) => executionId),
    );
  });

  test('is the last one when its policy allows no more', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', { do: 'fail' }, { executionPolicy: { maxAttempts: 3 } })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...failed, concludedReason: ConcludedReason.NO_RETRIES_LEFT });
    expect(stage.attempts.map(({ state, failure }) => [state, failure?.reason])).toEqual(
      Array(3).fill([INCOMPLETE, 'BROKEN_TEST']),
    );
    expect(runner.seen('start').map(({ idx }) => idx)).toEqual([1, 2, 3]);
  });

  test('with a verdict is the last one', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', { do: 'verdict' })] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      ...failed,
      concludedReason: ConcludedReason.ATTEMPT_BLOCKED_RETRY,
      attempts: [{ state: INCOMPLETE, failure: { message: 'it cannot work', reason: 'VERDICT' } }],
    });
    expect(runner.seen('start')).toHaveLength(1);
  });

  test('is no verdict when it leaves the stage AWAITING_GROUP', async () => {
    const scene = await Scene.open(server);
    await scene.runner(options);
    const answer = { stageState: 'STAGE_STATE_AWAITING_GROUP' };
    await scene.plan.write({ stages: [scene[mode]('build', [{ do: 'fail', answer }, {}])] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{}, {}] });
  });
});

describe('a retry', () => {
  test('waits for the end of its backoff, and is handed out soon after', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const executionPolicy = { maxAttempts: 6, backoffInitial: milliseconds(700), backoffMax: milliseconds(700) };
    await scene.plan.write({ stages: [scene.sync('build', { do: 'fail' }, { executionPolicy })] });
    const { attempts } = await scene.plan.untilFinal('build');
    for (const [index, { time }] of runner.seen('start').entries()) {
      const late = time - inMilliseconds(attempts[index]?.availableAt);
      expect(late, `attempt ${index + 1}, ms after its backoff`).toBeGreaterThanOrEqual(-2);
      expect(late).toBeLessThan(3000);
    }
  });

  test('goes to any runner that is free', async () => {
    const scene = await Scene.open(server);
    const first = await scene.runner({ maxConcurrent: 1 });
    await scene.plan.write({ stages: [scene.sync('build', [{ hold: true, do: 'fail' }, {}])] });
    await first.until('start', 'build');
    await scene.plan.write({ stages: [scene.sync('next', { hold: true })] });
    await first.release('build');
    await first.until('start', 'next');
    const second = await scene.runner();
    const { attempts } = await scene.plan.untilFinal('build');
    expect(attempts.map(({ runnerId }) => runnerId)).toEqual([first.runnerId, second.runnerId]);
    await first.release();
    await scene.plan.untilFinal('next');
  });

  test.each(['sync', 'async'] as const)('follows an error of a runner that may have begun (%s)', async (mode) => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene[mode]('build', [{ do: 'error' }, {}])] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, failure: { reason: 'RUNNER_ERROR' } },
      { state: COMPLETE },
    ]);
    expect(stage.attempts[0]?.failure?.message).toContain('it broke');
    expect(runner.seen('start')).toHaveLength(2);
    expect(await scene.only()).toMatchObject({ suspended: false });
  });
});
