import { expect, test } from 'vitest';
import { serviceRig } from '../support/service-rig.ts';
import { attemptWrite, stageWrite } from '../support/writes.ts';
import { ends, newNodes } from './node-writes.ts';
import type { GraphNode, Tree } from './oracle.ts';

/** b waits for a to succeed, c for b to end in whatever way. */
const nodes: readonly GraphNode[] = [stage('a'), stage('b', 'a', 'SUCCEEDED'), stage('c', 'b', 'FINAL')];

function stage(id: string, target?: string, condition: Tree['arrows'][number]['condition'] = 'FINAL'): GraphNode {
  const arrows = target === undefined ? [] : [{ kind: 'STAGE', target, condition } as const];
  const dependsOn: Tree = { predicate: 'AND', threshold: 0, arrows, trees: [] };
  return { id, kind: 'STAGE', dependsOn, continuesWith: undefined, verdict: 'CANCELLED' };
}

test.each([
  ['a', 'b'],
  ['b', 'a'],
])('stages that are cancelled in one write are CANCELLED, in the order %s, %s', async (...order) => {
  const rig = await serviceRig({ idle: true });
  const planId = await rig.createPlan();
  await rig.write(planId, newNodes(nodes, new Set()));
  const known = new Map(nodes.map((node) => [node.id, node]));
  await rig.write(planId, ends(known, new Map(order.map((id) => [id, 'CANCELLED']))));
  expect(await rig.stage(planId, 'a')).toMatchObject({ state: 'FINAL', outcome: 'CANCELLED' });
  expect(await rig.stage(planId, 'b')).toMatchObject({ state: 'FINAL', outcome: 'CANCELLED' });
  expect(await rig.stage(planId, 'c')).toMatchObject({ state: 'ATTEMPTING' });
});

test('what a cancellation releases is there for the rest of the write', async () => {
  const rig = await serviceRig({ idle: true });
  const planId = await rig.createPlan();
  await rig.write(planId, newNodes([stage('a'), stage('b', 'a', 'FINAL')], new Set()));
  const completed = stageWrite('b', { currentAttempt: attemptWrite({ state: 'COMPLETE' }) });
  await rig.write(planId, { stages: [completed, stageWrite('a', { cancel: true })] });
  expect(await rig.stage(planId, 'b')).toMatchObject({ state: 'FINAL', outcome: 'SUCCEEDED' });
});
