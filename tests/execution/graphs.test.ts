import { describe, expect, test } from 'vitest';
import { DependencyCondition, Outcome, WorkPlanState } from '../../gen/turboci/v1/common_pb.js';
import { all, any, atLeast, type Group, onCheck, onStage } from '../e2e/semantics/harness/groups.ts';
import type { RunnerProcess } from './harness/runner-process.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectOrder, mostAtOnce, spanOfStage, spans } from './harness/work-log.ts';
import type { ActInit } from './runner/act.ts';

const server = useExecutionServer();
const succeeded = { state: WorkPlanState.COMPLETE, outcome: Outcome.SUCCEEDED } as const;

/** A stage by its name, what it waits for, and what its runner does. */
type Node = { readonly id: string; readonly after?: Group; readonly act?: ActInit };

/** Stages of either mode, by turns, and a runner for them. */
async function play(nodes: readonly Node[], checks: readonly string[] = []) {
  const scene = await Scene.open(server);
  const runner = await scene.runner();
  const stages = nodes.map(({ id, after, act = { ms: 20 } }, index) => {
    const also = { executionPolicy: { maxAttempts: 1 }, ...(after === undefined ? {} : { dependencies: after }) };
    return index % 2 === 0 ? scene.sync(id, act, also) : scene.async(id, act, also);
  });
  await scene.plan.write({ checks: checks.map((id) => ({ id })), stages });
  return { scene, runner };
}

const afterStages = (...ids: readonly string[]): Group => all(...ids.map((id) => onStage(id)));
const names = (count: number, prefix = 's'): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Every node of the graph ran once, each after those that it names. */
function expectGraph(runner: RunnerProcess, edges: Readonly<Record<string, readonly string[]>>): void {
  const all = spans(runner);
  expect(all).toHaveLength(Object.keys(edges).length);
  for (const [id, before] of Object.entries(edges)) expectOrder(all, before, id);
}

describe('the order of stages that runners execute', () => {
  test('one after the other', async () => {
    const { scene, runner } = await play([
      { id: 'build' },
      { id: 'test', after: afterStages('build') },
      { id: 'deploy', after: afterStages('test') },
    ]);
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expectGraph(runner, { build: [], test: ['build'], deploy: ['test'] });
  });

  test('at the same time, when nothing holds them', async () => {
    const { scene, runner } = await play(names(8).map((id) => ({ id, act: { hold: true } })));
    for (const id of names(8)) await runner.until('start', id);
    expect(mostAtOnce(spans(runner))).toBe(8);
    await runner.release();
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
  });

  test('a diamond', async () => {
    const { scene, runner } = await play([
      { id: 'top' },
      { id: 'left', after: afterStages('top') },
      { id: 'right', after: afterStages('top') },
      { id: 'bottom', after: afterStages('left', 'right') },
    ]);
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expectGraph(runner, { top: [], left: ['top'], right: ['top'], bottom: ['left', 'right'] });
  });

  test('a chain of 40', async () => {
    const ids = names(40);
    const previous = (index: number): readonly string[] => ids.slice(Math.max(0, index - 1), index);
    const { scene, runner } = await play(
      ids.map((id, index) => ({ id, act: {}, ...(index === 0 ? {} : { after: afterStages(...previous(index)) }) })),
    );
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expectGraph(runner, Object.fromEntries(ids.map((id, index) => [id, previous(index)])));
  });

  test('a fan-out of 50 and the fan-in behind it', async () => {
    const ids = names(50);
    const { scene, runner } = await play([
      { id: 'first' },
      ...ids.map((id) => ({ id, act: {}, after: afterStages('first') })),
      { id: 'last', after: afterStages(...ids) },
    ]);
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expectGraph(runner, { first: [], ...Object.fromEntries(ids.map((id) => [id, ['first']])), last: ids });
  });

  test('OR: as soon as one of them has ended', async () => {
    const { scene, runner } = await play([
      { id: 'fast' },
      { id: 'slow', act: { hold: true } },
      { id: 'next', after: any(onStage('slow'), onStage('fast')) },
    ]);
    await scene.plan.untilFinal('next');
    expect(spanOfStage(spans(runner), 'slow').to).toBe(Number.POSITIVE_INFINITY);
    await runner.release();
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
  });

  test('a threshold: as soon as two of three have SUCCEEDED', async () => {
    const succeededEdges = ['good', 'bad', 'slow'].map((id) => onStage(id, DependencyCondition.SUCCEEDED));
    const { scene, runner } = await play([
      { id: 'good' },
      { id: 'bad', act: { do: 'fail' } },
      { id: 'slow', act: { hold: true } },
      { id: 'next', after: atLeast(2, ...succeededEdges) },
    ]);
    await scene.plan.untilFinal('good');
    await scene.plan.untilFinal('bad');
    await runner.until('start', 'slow');
    expect(runner.seen('start', 'next')).toEqual([]);
    await runner.release();
    expect(await scene.plan.untilOver()).toMatchObject({ outcome: Outcome.FAILED });
    expect(await scene.plan.stage('next')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expectOrder(spans(runner), ['slow', 'good', 'bad'], 'next');
  });

  test('the branch that the answers of a stage choose', async () => {
    const checkUpdates = [{ checkId: 'fits', state: 'CHECK_STATE_FINAL', failure: { message: 'too large' } }];
    const { scene, runner } = await play(
      [
        { id: 'measure', act: { answer: { checkUpdates } } },
        { id: 'ship', after: all(onCheck('fits', DependencyCondition.SUCCEEDED)) },
        { id: 'shrink', after: all(onCheck('fits', DependencyCondition.FAILED)) },
      ],
      ['fits'],
    );
    await scene.plan.untilFinal('shrink');
    expect(await scene.plan.stage('ship')).toMatchObject({ outcome: Outcome.SKIPPED, attempts: [] });
    expect(spans(runner).map(({ stage }) => stage)).toEqual(['measure', 'shrink']);
  });
});
