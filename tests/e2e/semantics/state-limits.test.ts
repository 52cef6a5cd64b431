import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState } from '../../../gen/turboci/v1/common_pb.js';
import { waitFor } from '../../support/wait-for.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

// Limits of what is kept are configurable: small ones here, so that reaching them is cheap.
const server = useServer({
  limits: { nodesPerPlan: 10, resultsPerCheck: 3, progressPerAttempt: 3, watchers: 2, pageSize: 5, nodesPerWrite: 12 },
});
const nodes = (count: number, prefix = 'n') => Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}` }));
const exhausted = (reason: Expected['reason'] & string): Expected => ({ code: 'RESOURCE_EXHAUSTED', reason });

describe('semantics 11: limits of the state are RESOURCE_EXHAUSTED', () => {
  test('nodes of a plan', async () => {
    const plan = await server.plan();
    await plan.refuses({ checks: nodes(6), stages: nodes(5) }, exhausted('PLAN_NODES_LIMIT'));
    const second = await server.plan();
    await second.write({ checks: nodes(6), stages: nodes(4) });
    const before = await second.snapshot();
    await expect(second.write({ checks: nodes(1, 'more') })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'PLAN_NODES_LIMIT',
    });
    expect(await second.snapshot()).toEqual(before);
    await second.write({ checks: nodes(6).map((check) => ({ ...check, kind: 'changed' })) });
  });

  test('results of a check: another owner is refused, a known one may go on', async () => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', state: CheckState.PLANNED });
    const by = (id: number, n = 0) => ({
      checks: [{ id: 'c', result: { ownerType: 'ci', ownerId: `${id}`, data: { n } } }],
    });
    for (const id of [1, 2, 3]) await plan.write(by(id));
    await plan.refuses(by(4), exhausted('RESULTS_LIMIT'));
    await plan.write(by(3, 1));
    expect((await plan.check('c')).results).toMatchObject([{}, {}, { data: { n: 1 } }]);
  });

  test('progress of an attempt: a known key may be repeated, the next attempt starts anew', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const entry = (key: string) => ({ progress: { message: key, idempotencyKey: key } });
    for (const key of ['a', 'b', 'c']) await plan.attempt('s', entry(key));
    await plan.refuses({ stages: [{ id: 's', currentAttempt: entry('d') }] }, exhausted('PROGRESS_LIMIT'));
    await plan.ignores({ stages: [{ id: 's', currentAttempt: entry('b') }] });
    await plan.attempt('s', { state: AttemptState.INCOMPLETE });
    await plan.attempt('s', entry('d'));
  });

  test('watchers', async () => {
    const plan = await server.plan();
    const [first, second] = [await plan.watch(), await plan.watch()];
    const third = await plan.watch();
    await third.refusal(exhausted('WATCHERS_LIMIT'));
    first.close();
    const fourth = await waitFor('room for another watcher', async () => {
      const watch = await plan.watch();
      await plan.write({ checks: [{ id: 'tick', options: { at: (await plan.get()).version.toString() } }] });
      await waitFor('an event or the end', () => watch.over || watch.events.length > 0);
      return !watch.over && watch;
    });
    for (const watch of [second, fourth]) watch.close();
    await waitFor('both to be gone', () => second.over && fourth.over);
  });
});

describe('semantics 11: larger pages are clamped', () => {
  test('of nodes and of plans; 0 means all nodes', async () => {
    const plan = await server.plan();
    await plan.write({ checks: nodes(8) });
    const page = await plan.query({ pageSize: 100 });
    expect(page.checks).toHaveLength(5);
    expect((await plan.query({ pageSize: 100, pageToken: page.nextPageToken })).checks).toHaveLength(3);
    expect((await plan.query()).checks).toHaveLength(8);
    const metadata = { many: 'yes' };
    for (let i = 0; i < 7; i++) await server.plan({ metadata });
    const plans = await server.calls.listWorkPlans({ metadata, pageSize: 100 });
    expect(plans.workPlans).toHaveLength(5);
    expect(plans.nextPageToken).not.toBe('');
  });
});
