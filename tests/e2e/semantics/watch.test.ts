import { describe, expect, test } from 'vitest';
import { CheckState, NodeView, StageState, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import { fence, linesBefore, untilFence } from './harness/fence.ts';
import { all, onCheck } from './harness/groups.ts';
import type { WatchInit } from './harness/plan.ts';
import { useServer } from './harness/server.ts';
import type { Watch } from './harness/watch.ts';

const server = useServer();
const { PLANNED, WAITING, FINAL } = CheckState;

describe('semantics 12: where a watch starts', () => {
  test('live: with the first event after the call was accepted', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'before' }] });
    const watch = await plan.watch();
    await plan.write({ checks: [{ id: 'a' }] });
    await plan.write({ checks: [{ id: 'a', kind: 'k' }] });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual(['check/a 0>10 r3', 'check/a 10>10 r4']);
  });

  test('since_revision: with the first event after it, however old, then live without a seam', async () => {
    const plan = await server.plan();
    for (let i = 0; i < 5; i++) await plan.write({ checks: [{ id: `c${i}` }] });
    const watch = await plan.watch({ sinceRevision: 3n });
    await plan.write({ checks: [{ id: 'live' }] });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual([
      'check/c2 0>10 r4',
      'check/c3 0>10 r5',
      'check/c4 0>10 r6',
      'check/live 0>10 r7',
    ]);
  });

  test('since_revision 0 gives all, the creation of the plan included', async () => {
    const plan = await server.plan({ metadata: { a: 'b' } });
    await plan.write({ checks: [{ id: 'a' }] });
    const watch = await plan.watch({ sinceRevision: 0n });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual(['plan 0>1 r1', 'check/a 0>10 r2']);
    const { event } = watch.events[0] ?? expect.fail('no event');
    expect(event).toMatchObject({
      case: 'workPlanEvent',
      value: { workPlan: { id: plan.id, version: 1n, metadata: { a: 'b' } } },
    });
  });

  test('since the latest revision: live', async () => {
    const plan = await server.plan();
    const watch = await plan.watch({ sinceRevision: 1n });
    await plan.write({ checks: [{ id: 'a' }] });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual(['check/a 0>10 r2']);
  });

  test('a resumed watch goes on where the first was closed', async () => {
    const plan = await server.plan();
    const first = await plan.watch({ sinceRevision: 0n });
    await plan.write({ checks: [{ id: 'a' }] });
    const seen = await fence(plan, first);
    first.close();
    await plan.write({ checks: [{ id: 'b' }] });
    const second = await plan.watch({ sinceRevision: seen });
    const end = await fence(plan, second);
    expect(linesBefore(second, end)).toEqual([`check/b 0>10 r${seen + 1n}`]);
  });

  test('an unknown plan is NOT_FOUND, negative revisions INVALID_ARGUMENT', async () => {
    const nowhere = await server.open('no-such-plan').watch();
    await nowhere.refusal({ code: 'NOT_FOUND', reason: 'WORK_PLAN_NOT_FOUND' });
    const plan = await server.plan();
    const negative = await plan.watch({ sinceRevision: -1n });
    await negative.refusal({ code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field: 'since_revision' });
  });
});

describe('semantics 12: filters', () => {
  const filters: readonly { name: string; filter: WatchInit; lines: readonly string[] }[] = [
    {
      name: 'checks',
      filter: { includeChecks: true },
      lines: ['check/a 0>10', 'check/b 0>10', 'check/a 10>40', 'check/b 10>30'],
    },
    {
      name: 'stages',
      filter: { includeStages: true },
      lines: ['stage/s 0>10', 'stage/t 0>20', 'stage/s 10>20', 'stage/t 20>40'],
    },
    {
      name: 'both flags, as neither',
      filter: { includeChecks: true, includeStages: true, checkIdFilter: ['b'], stageIdFilter: ['t'] },
      lines: ['check/b 0>10', 'stage/t 0>20', 'check/b 10>30', 'stage/t 20>40'],
    },
    {
      name: 'check ids',
      filter: { includeChecks: true, checkIdFilter: ['a', 'ghost'] },
      lines: ['check/a 0>10', 'check/a 10>40'],
    },
    {
      name: 'a condition on checks leaves stages',
      filter: { checkIdFilter: ['ghost'], stageIdFilter: ['t'] },
      lines: ['stage/t 0>20', 'stage/t 20>40'],
    },
    {
      name: 'stage ids',
      filter: { includeStages: true, stageIdFilter: ['s'] },
      lines: ['stage/s 0>10', 'stage/s 10>20'],
    },
    {
      name: 'check states look at new_state',
      filter: { includeChecks: true, checkStateFilter: [FINAL, WAITING] },
      lines: ['check/a 10>40', 'check/b 10>30'],
    },
    {
      name: 'stage states',
      filter: { includeStages: true, stageStateFilter: [StageState.ATTEMPTING] },
      lines: ['stage/t 0>20', 'stage/s 10>20'],
    },
    {
      name: 'all of them',
      filter: { includeChecks: true, checkIdFilter: ['a'], checkStateFilter: [WAITING] },
      lines: [],
    },
  ];
  /** Transitions of nodes in a story, each written once however many events it took. */
  const moves = (watch: Watch) => {
    const steps = new Map<string, { first: number; last: number; revision: bigint }>();
    const order: string[] = [];
    for (const { event, revision } of watch.events) {
      if (event.case !== 'checkEvent' && event.case !== 'stageEvent') continue;
      const id = event.case === 'checkEvent' ? `check/${event.value.checkId}` : `stage/${event.value.stageId}`;
      const key = `${id} ${revision}`;
      const step = steps.get(key);
      if (step === undefined) order.push(key);
      steps.set(key, { first: step?.first ?? event.value.oldState, last: event.value.newState, revision });
    }
    return order.map((key) => `${key.split(' ')[0]} ${steps.get(key)?.first}>${steps.get(key)?.last}`);
  };

  test.each(filters)('$name', async ({ name, filter, lines }) => {
    const plan = await server.plan();
    const watch = await plan.watch(filter);
    const catchUp = await plan.watch({ ...filter, sinceRevision: 0n });
    await plan.write({
      checks: [{ id: 'a' }, { id: 'b' }],
      stages: [{ id: 's', dependencies: all(onCheck('a')) }, { id: 't' }],
    });
    await plan.write({
      checks: [
        { id: 'a', state: FINAL },
        { id: 'b', state: PLANNED },
      ],
    });
    await plan.complete('t');
    // Plan events pass every filter: cancelling is the fence. What it does to nodes comes with its revision or later.
    const { version } = await plan.cancel();
    for (const one of [watch, catchUp]) {
      await one.until(
        ({ event }) => event.case === 'workPlanEvent' && event.value.newState === WorkPlanState.CANCELLED,
        'the plan event',
      );
      one.events.splice(0, one.events.length, ...one.events.filter(({ revision }) => revision < version));
      const found = moves(one);
      if (name.includes('states')) {
        // A state filter may let through one of several events of a revision only: its end is what counts.
        expect(found.map((move) => move.replace(/ \d+>/, ' >')).toSorted()).toEqual(
          lines.map((move) => move.replace(/ \d+>/, ' >')).toSorted(),
        );
      } else {
        expect(found.toSorted()).toEqual([...lines].toSorted());
      }
    }
  });

  test('events of the plan itself pass every filter', async () => {
    const plan = await server.plan();
    const watch = await plan.watch({ includeChecks: true, checkIdFilter: ['ghost'], sinceRevision: 0n });
    await plan.pass('a');
    await plan.write({ checks: [{ id: 'b' }] });
    await plan.pass('b');
    await watch.untilLine('completed r4');
    expect(watch.lines).toEqual([
      'plan 0>1 r1',
      'plan 1>2 r2',
      'completed r2',
      'plan 2>1 r3',
      'plan 1>2 r4',
      'completed r4',
    ]);
  });

  test('unknown enum numbers are INVALID_ARGUMENT', async () => {
    const unheardOf: number = 77;
    const plan = await server.plan();
    const filter = await plan.watch({ checkStateFilter: [unheardOf] });
    await filter.refusal({ code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field: 'check_state_filter[0]' });
    const view = await plan.watch({ view: unheardOf });
    await view.refusal({ code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field: 'view' });
  });
});

describe('semantics 12: gap-free, duplicate-free, in revision order', () => {
  test('for every watcher under concurrent writers', async () => {
    const plan = await server.plan();
    const watches = [
      await plan.watch({ sinceRevision: 0n }),
      await plan.watch(),
      await plan.watch({ sinceRevision: 1n }),
    ];
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 25; i++) {
        const id = `w${writer}-${i}`;
        await plan.write({
          checks: [{ id, state: i % 2 === 0 ? PLANNED : CheckState.PLANNING }],
          stages: i % 5 === 0 ? [{ id }] : [],
        });
        if (i === 12) watches.push(await plan.watch({ sinceRevision: 0n }));
      }
    });
    await Promise.all(writers);
    const end = await fence(plan, ...watches);
    expect(end).toBe(202n);
    const [all] = watches;
    for (const watch of watches) {
      const revisions = watch.events.map(({ revision }) => revision);
      const from = watch === all || watches.indexOf(watch) > 2 ? 1n : 2n;
      expect([...new Set(revisions)]).toEqual(
        Array.from({ length: Number(end - from) + 1 }, (_, i) => from + BigInt(i)),
      );
      expect(linesBefore(watch, end)).toEqual(
        linesBefore(all ?? expect.fail('no watch'), end).filter((_, i) => from === 1n || i > 0),
      );
    }
    for (const watch of watches) watch.close();
  });

  test('a write of 6,000 nodes reaches live and late watchers whole', async () => {
    const plan = await server.plan();
    const live = await plan.watch();
    const ids = Array.from({ length: 6000 }, (_, i) => `c${i}`);
    await plan.write({ checks: ids.map((id) => ({ id })), responseView: NodeView.BASIC });
    await fence(plan, live);
    const late = await plan.watch({ sinceRevision: 1n });
    await untilFence(late, 'fence-2');
    for (const watch of [live, late]) {
      const seen = watch.events.flatMap(({ event }) => (event.case === 'checkEvent' ? [event.value.checkId] : []));
      expect(seen.filter((id) => id.startsWith('c'))).toEqual(ids);
      watch.close();
    }
  });

  test('watchers of one plan see nothing of another', async () => {
    const [plan, other] = [await server.plan(), await server.plan()];
    const watch = await plan.watch({ sinceRevision: 0n });
    await other.write({ checks: [{ id: 'elsewhere' }] });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual(['plan 0>1 r1']);
  });
});

describe('semantics 12: a drain', () => {
  test('ends streams with UNAVAILABLE', async () => {
    const plan = await server.plan();
    const watch = await plan.watch();
    await server.restart();
    await watch.refusal({ code: 'UNAVAILABLE', reason: 'DRAINING' });
  });
});
