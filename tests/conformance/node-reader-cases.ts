import { expect, it } from 'vitest';
import type { CheckState } from '../../src/domain/check.ts';
import { viewOf } from '../../src/domain/dependency/view.ts';
import type { StageState } from '../../src/domain/stage.ts';
import type { NodeSelector } from '../../src/storage/node-reader.ts';
import { attempt, check, flat, group, PLAN, plan, progress, result, seed, stage, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

const ALL = { ids: [], states: [], after: 0, limit: undefined };
const FINAL = { state: 'FINAL', outcome: 'SUCCEEDED' } as const;

export function nodeReaderCases({ storage }: Subject): void {
  const checks = (selector: Partial<NodeSelector<CheckState>> = {}, view: 'BASIC' | 'FULL' = 'FULL') =>
    storage().read((snapshot) => snapshot.nodes.checks(PLAN, { ...ALL, ...selector }, view));
  const stages = (selector: Partial<NodeSelector<StageState>> = {}, view: 'BASIC' | 'FULL' = 'FULL') =>
    storage().read((snapshot) => snapshot.nodes.stages(PLAN, { ...ALL, ...selector }, view));
  const ids = (found: readonly { readonly node: { readonly id: string } }[]) => found.map(({ node }) => node.id);

  it('reads nodes by creation, filtered by ids and states, in pages', async () => {
    const order = ['z', 'a', 'm', 'b', 'k'];
    await seed(storage(), {
      checks: order.map((id) => check(id, id === 'm' ? FINAL : {})),
      stages: order.map((id) => stage(id, id === 'm' ? { ...FINAL, concludedReason: 'ATTEMPT_COMPLETE' } : {})),
    });
    await storage().write(async (uow) => {
      await uow.workPlans.insert(plan({ id: 'other' }));
      await uow.checks.insert(check('z', { planId: 'other' }), undefined);
      await uow.stages.insert(stage('z', { planId: 'other' }), undefined, []);
    });
    for (const read of [checks, stages]) {
      const all = await read();
      expect(ids(all)).toEqual(order);
      expect(all.map(({ position }) => position)).toEqual(
        all.map(({ position }) => position).toSorted((a, b) => a - b),
      );
      expect(ids(await read({ states: ['FINAL'] }))).toEqual(['m']);
      expect(ids(await read({ states: ['PLANNED', 'FINAL'], ids: ['k', 'm'] }))).toEqual(
        read === checks ? ['m'] : ['m', 'k'],
      );
      expect(ids(await read({ ids: ['b', 'none', 'z', 'b'] }))).toEqual(['z', 'b']);
      expect(ids(await read({ ids: ['none'] }))).toEqual([]);
      expect(ids(await read({ limit: 2 }))).toEqual(['z', 'a']);
      expect(ids(await read({ limit: 2, after: all[1]?.position ?? 0 }))).toEqual(['m', 'b']);
      expect(ids(await read({ limit: 2, after: all[1]?.position ?? 0, ids: ['z', 'b', 'k'] }))).toEqual(['b', 'k']);
      expect(ids(await read({ after: all[4]?.position ?? 0 }))).toEqual([]);
    }
  });

  it('gives checks with all that belongs to them; BASIC leaves out options and result data', async () => {
    await seed(storage(), { checks: [check('plain'), check('d', { resultCount: 2 })] });
    const tree = flat(group(['x'], { groups: [group(['y'], { predicate: 'OR' })] }));
    const failure = { message: 'm', occurredAt: T0, reason: 'r' };
    const results = await storage().write(async (uow) => {
      await uow.checks.setOptions(PLAN, 'd', { a: 1 });
      await uow.dependencies.put(
        { planId: PLAN, source: { type: 'CHECK', id: 'd' }, purpose: 'DEPENDENCIES' },
        tree,
        true,
      );
      const first = await uow.results.insert(PLAN, 'd', result('b', { failure }));
      return [first, await uow.results.insert(PLAN, 'd', result('a'))];
    });
    const plain = { ...check('plain'), options: undefined, dependencies: undefined, results: [] };
    const full = { ...check('d', { resultCount: 2 }), options: { a: 1 }, dependencies: viewOf(tree), results };
    expect((await checks()).map(({ node }) => node)).toEqual([plain, full]);
    const basic = { ...full, options: undefined, results: results.map((one) => ({ ...one, data: undefined })) };
    expect((await checks({}, 'BASIC')).map(({ node }) => node)).toEqual([plain, basic]);
  });

  it('gives stages with all that belongs to them; BASIC leaves out args, details and progress', async () => {
    await seed(storage(), { checks: [check('c'), check('d')] });
    const busy = stage('s', { attemptCount: 2, hasContinuationGroup: true });
    const assignments = [
      { targetCheckId: 'd', goalState: 'FINAL' },
      { targetCheckId: 'c', goalState: 'PLANNED' },
    ] as const;
    const tree = flat(group(['x']));
    const rest = flat(group(['k'], { predicate: 'THRESHOLD', threshold: 1 }));
    const executed = { processUid: 'e', executionId: 'e', dispatch: 'RUN_ASYNC', answerDigest: 'd' } as const;
    const first = attempt('s', { state: 'INCOMPLETE', endedAt: T0, progressCount: 2, ...executed });
    const second = attempt('s', { idx: 2 });
    const entries = [progress('one', { idempotencyKey: 'k' }), progress('two', { percent: 7, details: { b: 2 } })];
    await storage().write(async (uow) => {
      await uow.stages.insert(busy, { run: true }, assignments);
      await uow.stages.insert(stage('plain'), undefined, []);
      const source = { type: 'STAGE', id: 's' } as const;
      await uow.dependencies.put({ planId: PLAN, source, purpose: 'DEPENDENCIES' }, tree, true);
      await uow.dependencies.put({ planId: PLAN, source, purpose: 'CONTINUATION' }, rest, false);
      await uow.attempts.insert({ attempt: first, runnerType: '', mode: 'SYNC' });
      await uow.attempts.insert({ attempt: second, runnerType: '', mode: 'SYNC' });
      const key = { planId: PLAN, stageId: 's', idx: 1 };
      await uow.attempts.setDetails(key, { node: 'n' });
      for (const [position, entry] of entries.entries()) await uow.attempts.appendProgress(key, position, entry);
    });
    const none = { args: undefined, dependencies: undefined, continuationGroup: undefined };
    const plain = { ...stage('plain'), ...none, assignments: [], attempts: [] };
    const full = {
      ...busy,
      args: { run: true },
      assignments,
      dependencies: viewOf(tree),
      continuationGroup: viewOf(rest),
      attempts: [
        { ...first, details: { node: 'n' }, progress: entries },
        { ...second, details: undefined, progress: [] },
      ],
    };
    expect((await stages()).map(({ node }) => node)).toEqual([full, plain]);
    const attempts = [first, second].map((one) => ({ ...one, details: undefined, progress: [] }));
    const basic = { ...full, args: undefined, attempts };
    expect((await stages({}, 'BASIC')).map(({ node }) => node)).toEqual([basic, plain]);
  });

  it('shows superseded results', async () => {
    await seed(storage(), { checks: [check('c', { resultCount: 1 })] });
    await storage().write(async (uow) => {
      await uow.results.insert(PLAN, 'c', result('a'));
      await uow.results.supersede(PLAN, 'c', 'tool', 'a');
    });
    expect((await checks()).flatMap(({ node }) => node.results.map(({ ownerId }) => ownerId))).toEqual(['a']);
  });

  it('sees what its own unit of work has written', async () => {
    await seed(storage());
    const seen = await storage().write(async (uow) => {
      await uow.checks.insert(check('c'), { a: 1 });
      await uow.checks.update(check('c', { state: 'PLANNED', version: 2 }));
      return uow.nodes.checks(PLAN, { ...ALL, ids: ['c'] }, 'FULL');
    });
    expect(seen.map(({ node }) => [node.id, node.state, node.version, node.options])).toEqual([
      ['c', 'PLANNED', 2, { a: 1 }],
    ]);
  });

  it('reads thousands of nodes at once', async () => {
    const many = Array.from({ length: 3000 }, (_, index) => `node ${index}`);
    await seed(storage(), { checks: many.map((id) => check(id)) });
    expect(ids(await checks())).toEqual(many);
    expect(ids(await checks({ ids: many.toReversed() }))).toEqual(many);
  });
}
