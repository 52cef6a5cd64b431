import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import type { PlanHistoryEvent } from '../../src/domain/event.ts';
import type { WatchItem, WatchSubscription } from '../../src/service/orchestrator.ts';
import { PlanFeed } from '../../src/service/watch/plan-feeds.ts';
import { manualClock } from '../support/manual-clock.ts';
import { anyCall, type ServiceRig, serviceRig } from '../support/service-rig.ts';
import { within } from '../support/wait-for.ts';
import { checkWrite } from '../support/writes.ts';

/** Takes items until `last` says so. */
async function take(subscription: WatchSubscription, last: (item: WatchItem) => boolean): Promise<WatchItem[]> {
  const items: WatchItem[] = [];
  for await (const item of subscription) {
    items.push(item);
    if (last(item)) break;
  }
  return items;
}

const revisionOf = (item: WatchItem) => (item.type === 'EVENT' ? item.event.revision : item.revision);

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error.reason;
  throw new Error(`expected an AppError, got ${String(error)}`);
}

function writeMany(rig: ServiceRig, planId: string, from: number, count: number): Promise<number> {
  return rig.write(planId, { checks: Array.from({ length: count }, (_, at) => checkWrite(`c${from + at}`)) });
}

describe('a watcher', () => {
  it('joins at any moment and sees every event once and in order, from storage and live alike', async () => {
    const rig = await serviceRig();
    const planId = await rig.createPlan();
    const total = 300;
    const hugeAt = 150;
    const writing = (async () => {
      for (let at = 0; at < total; at++) await writeMany(rig, planId, at * 10_000, at === hugeAt ? 2001 : 1);
    })();
    const joins = [0, 1, 60, 149, 150, 151, 299].map(async (since) => {
      const subscription = await rig.service.orchestrator.watchWorkPlan(
        anyCall,
        rig.watchRequest(planId, { sinceRevision: since }),
      );
      const items = await take(subscription, (item) => revisionOf(item) === total + 1 && item.type === 'EVENT');
      const seen = items.map((item) => (item.type === 'EVENT' ? `${item.event.revision}.${item.event.seq}` : ''));
      expect(new Set(seen).size).toBe(seen.length);
      const revisions = [...new Set(items.map(revisionOf))];
      expect(revisions).toEqual(Array.from({ length: total + 1 - since }, (_, at) => since + 1 + at));
    });
    await within('writers and watchers', Promise.all([writing, ...joins]), 60_000);
  });

  it('that takes nothing for a second while more than its backlog is committed is cut, and may resume', async () => {
    const clock = manualClock();
    const rig = await serviceRig({ clock, limits: { watchBacklog: 50 } });
    const planId = await rig.createPlan();
    const subscription = await rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId));
    const iterator = subscription[Symbol.asyncIterator]();
    await writeMany(rig, planId, 0, 1);
    const first = await within('the first event', iterator.next());
    expect(first.done).toBe(false);

    await writeMany(rig, planId, 1, 50);
    clock.advance(10_000);
    expect(subscription.cut.aborted).toBe(false);
    await writeMany(rig, planId, 100, 1);
    clock.advance(999);
    expect(subscription.cut.aborted).toBe(false);
    clock.advance(1);
    expect(subscription.cut.reason).toMatchObject({ reason: 'WATCHER_TOO_SLOW', metadata: { last_revision: '2' } });
    expect(await reasonOf(iterator.next())).toBe('WATCHER_TOO_SLOW');

    const resumed = await rig.service.orchestrator.watchWorkPlan(
      anyCall,
      rig.watchRequest(planId, { sinceRevision: 2 }),
    );
    const rest = await within(
      'the rest',
      take(resumed, (item) => item.type === 'EVENT' && item.event.nodeId === 'c100'),
    );
    expect(rest).toHaveLength(51);
  });

  it('is not cut for one huge revision, nor for being slow, as long as it takes something', async () => {
    const clock = manualClock();
    const rig = await serviceRig({ clock, limits: { watchBacklog: 50 } });
    const planId = await rig.createPlan();
    const subscription = await rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId));
    const iterator = subscription[Symbol.asyncIterator]();
    await writeMany(rig, planId, 0, 1);
    await within('the first event', iterator.next());
    for (let round = 0; round < 5; round++) {
      await writeMany(rig, planId, 1 + round * 100, 100);
      clock.advance(900);
      const { value, done } = await within('an event', iterator.next());
      expect([done, value?.type]).toEqual([false, 'EVENT']);
    }
    expect(subscription.cut.aborted).toBe(false);
  });

  it('is not cut while it catches up from storage, nor for events that its filter drops', async () => {
    const clock = manualClock();
    const rig = await serviceRig({ clock, limits: { watchBacklog: 50 } });
    const planId = await rig.createPlan();
    for (let at = 0; at < 300; at++) await writeMany(rig, planId, at, 1);
    const watch = (change: object) => rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId, change));
    const behind = await watch({ sinceRevision: 0 });
    const picky = await watch({ checkIdFilter: ['wanted'] });
    const iterators = [behind, picky].map((subscription) => subscription[Symbol.asyncIterator]());
    await rig.write(planId, { checks: [checkWrite('wanted')] });
    for (const iterator of iterators) await within('an item', iterator.next());
    await writeMany(rig, planId, 10_000, 500);
    clock.advance(60_000);
    expect([behind.cut.aborted, picky.cut.aborted]).toEqual([false, false]);
  });

  it('shares a buffer that is bounded by size too', () => {
    const feed = new PlanFeed();
    const event = (revision: number, characters: number): PlanHistoryEvent => ({
      type: 'CHECK',
      nodeId: 'c',
      revision,
      seq: 1,
      at: 0,
      actor: 'writer',
      reason: '',
      oldState: 'PLANNING',
      newState: 'PLANNING',
      change: { kind: 'x'.repeat(characters), outcome: undefined, version: revision, createdAt: 0 },
    });
    const publish = (one: PlanHistoryEvent) => feed.publish([one], [JSON.stringify(one.change).length]);
    for (let revision = 1; revision <= 5000; revision++) publish(event(revision, 1));
    expect(feed.after({ revision: 4990, seq: 1 })).toHaveLength(10);
    expect(feed.after({ revision: 3000, seq: 1 })).toBeUndefined();
    for (let revision = 5001; revision <= 5010; revision++) publish(event(revision, 300_000));
    expect(feed.after({ revision: 5009, seq: 1 })).toHaveLength(1);
    expect(feed.after({ revision: 5004, seq: 1 })).toBeUndefined();
    publish(event(5011, 2_000_000));
    expect(feed.after({ revision: 5010, seq: 1 })).toBeUndefined();
    expect(feed.headRevision).toBe(5011);
  });

  it('leaves nothing behind when its caller goes, whether it reads or not', async () => {
    const rig = await serviceRig({ limits: { watchers: 1 } });
    const planId = await rig.createPlan();
    for (const isReading of [true, false]) {
      const caller = new AbortController();
      const ctx = { signal: caller.signal };
      const subscription = await rig.service.orchestrator.watchWorkPlan(ctx, rig.watchRequest(planId));
      const over = isReading ? reasonOf(take(subscription, () => false)) : undefined;
      expect(await reasonOf(rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId)))).toBe(
        'WATCHERS_LIMIT',
      );
      caller.abort(new AppError('CALLER_GONE', 'gone'));
      if (over !== undefined) expect(await within('the end', over)).toBe('CALLER_GONE');
      expect(subscription.cut.aborted).toBe(true);
    }
    const last = await rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId));
    rig.service.drain();
    expect(await reasonOf(take(last, () => false))).toBe('DRAINING');
    expect(await reasonOf(rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId)))).toBe('DRAINING');
  });

  it('of a plan that does not exist counts for nothing', async () => {
    const rig = await serviceRig({ limits: { watchers: 1 } });
    for (let times = 0; times < 3; times++) {
      const call = rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest('nowhere'));
      expect(await reasonOf(call)).toBe('WORK_PLAN_NOT_FOUND');
    }
  });
});
