import { describe, expect, test } from 'vitest';
import { AttemptState, Outcome } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { refusal } from '../support/rpc-error.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';

const server = useExecutionServer();
const runnerId = 'puller';
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `s${index}`);

/** A scene with a registered runner that only pulls, by calls of the test. */
async function pulled(maxConcurrent = 0): Promise<Scene> {
  const scene = await Scene.open(server);
  await scene.register(runnerId, { maxConcurrent });
  return scene;
}

describe('an answer of AcquireStageExecutions that was lost', () => {
  test('comes again with the next call of the same runner', async () => {
    const scene = await pulled(2);
    await scene.plan.write({ stages: names(4).map((id) => scene.sync(id)) });
    const lost = await scene.acquire({ runnerId, max: 2 });
    expect(lost).toHaveLength(2);
    const again = await scene.acquire({ runnerId, max: 2 });
    expect(again).toEqual(lost);
    const waiting = await scene.acquire({ runnerId, max: 2, waitMs: 20_000 });
    expect(waiting, 'a call that would wait need not').toEqual(lost);
    const [known] = lost;
    expect(await scene.acquire({ runnerId, max: 2, held: [known?.executionId ?? ''] })).toEqual(lost.slice(1));
    expect(await scene.only()).toMatchObject({ currentLoad: 2 });
    for (const { executionId } of lost) await scene.complete(executionId);
    const { stages } = await scene.plan.query({ includeStages: true });
    expect(
      stages.filter(({ outcome }) => outcome === Outcome.SUCCEEDED).map(({ attempts }) => attempts.length),
    ).toEqual([1, 1]);
  });

  test('does not come to another runner', async () => {
    const scene = await pulled();
    await scene.register('other');
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await scene.acquire({ runnerId })).toHaveLength(1);
    expect(await scene.acquire({ runnerId: 'other' })).toEqual([]);
  });

  test('does not come again once the runner was heard of', async () => {
    const scene = await pulled();
    await scene.plan.write({ stages: [scene.sync('build')] });
    const [execution] = await scene.acquire({ runnerId });
    await scene.update(execution?.executionId ?? '');
    expect(await scene.acquire({ runnerId })).toEqual([]);
    await scene.complete(execution?.executionId ?? '');
    expect(await scene.acquire({ runnerId })).toEqual([]);
  });

  test('goes back to the queue when nobody is heard of for 30 s, at no cost', { timeout: 70_000 }, async () => {
    const scene = await pulled();
    await scene.register('heir');
    const executionPolicy = { maxAttempts: 1 };
    await scene.plan.write({
      stages: [scene.sync('silent', {}, { executionPolicy }), scene.sync('known', {}, { executionPolicy })],
    });
    const acquired = await scene.acquire({ runnerId, max: 2 });
    const [silent, known] = ['silent', 'known'].map((id) => acquired.find(({ stageId }) => stageId === id));
    await scene.update(known?.executionId ?? '');
    const [inherited] = await scene.acquire({ runnerId: 'heir', waitMs: 45_000 });
    expect(inherited).toMatchObject({ stageId: 'silent', attemptIdx: 1 });
    expect(inherited?.executionId).not.toBe(silent?.executionId);
    const late = await refusal(scene.complete(silent?.executionId ?? ''));
    expect(['NOT_FOUND', 'FAILED_PRECONDITION']).toContain(late.code);
    await scene.complete(inherited?.executionId ?? '');
    expect(await scene.plan.stage('silent')).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      attempts: [{ idx: 1, runnerId: 'heir' }],
    });
    expect(lastAttempt(await scene.plan.stage('known'))).toMatchObject({ state: AttemptState.RUNNING, runnerId });
    await scene.complete(known?.executionId ?? '');
  });
});

describe('a call of AcquireStageExecutions that is cancelled', () => {
  test('while it waits loses nothing', async () => {
    const scene = await pulled(1);
    const gone = new AbortController();
    const polling = scene.acquire({ runnerId, waitMs: 20_000, init: { signal: gone.signal } });
    await scene.only();
    gone.abort();
    expect((await refusal(polling)).code).toBe('CANCELLED');
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await scene.acquire({ runnerId, waitMs: 5000 })).toMatchObject([{ stageId: 'build', attemptIdx: 1 }]);
  });

  test('while work comes loses nothing, and gives nothing out twice', async () => {
    const scene = await pulled();
    const ids = names(40);
    const seen = new Map<string, Set<string>>();
    const done: string[] = [];
    for (const [index, id] of ids.entries()) {
      const gone = new AbortController();
      const polling = scene.acquire({ runnerId, waitMs: 20_000, init: { signal: gone.signal } }).catch(() => []);
      await scene.only();
      const writing = scene.plan.write({ stages: [scene.sync(id)] });
      if (index % 2 === 0) gone.abort();
      else setImmediate(() => gone.abort());
      const first = await polling;
      await writing;
      const got = first.length > 0 ? first : await scene.acquire({ runnerId, waitMs: 20_000, held: done });
      for (const { stageId, executionId } of [...first, ...got]) {
        seen.set(stageId, new Set(seen.get(stageId)).add(executionId));
      }
      for (const { executionId } of got) {
        await scene.complete(executionId);
        done.push(executionId);
      }
    }
    expect([...seen.values()].map((executions) => executions.size)).toEqual(Array(40).fill(1));
    const { stages } = await scene.plan.query({ includeStages: true });
    for (const stage of stages) expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
    expect(await scene.only()).toMatchObject({ currentLoad: 0 });
  });

  test('by its deadline while it waits loses nothing', async () => {
    const scene = await pulled();
    const init = { deadline: Date.now() + 1500 };
    const answer = await scene.acquire({ runnerId, waitMs: 20_000, init }).catch(() => []);
    expect(answer).toEqual([]);
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await scene.acquire({ runnerId })).toMatchObject([{ stageId: 'build' }]);
  });
});
