import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, NodeView, Outcome } from '../../../gen/turboci/v1/common_pb.js';
import { type WorkPlanEvent, WorkPlanEventSchema } from '../../../gen/turboci/v1/service_pb.js';
import { fence, linesBefore } from './harness/fence.ts';
import { rejected, type TestPlan } from './harness/plan.ts';
import { useServer } from './harness/server.ts';
import { line } from './harness/watch.ts';

const server = useServer();
const { PLANNED, FINAL } = CheckState;

const isCompleted = ({ event }: WorkPlanEvent) => event.case === 'completedEvent';

describe('semantics 12: what an event carries', () => {
  test("the node's own fields as of that revision", async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a', kind: 'one', options: { o: 1 } }] });
    await plan.write({ checks: [{ id: 'a', options: { o: 2 } }] });
    await plan.write({ checks: [rejected('a')] });
    const watch = await plan.watch({ sinceRevision: 1n });
    await fence(plan, watch);
    const checks = watch.events.flatMap(({ event }) =>
      event.case === 'checkEvent' && event.value.checkId === 'a' ? [event.value.check] : [],
    );
    expect(checks[0]).toMatchObject({
      id: 'a',
      workPlanId: plan.id,
      kind: 'one',
      options: { o: 1 },
      state: CheckState.PLANNING,
      version: 1n,
      revision: 2n,
      results: [],
    });
    expect(checks[1]).toMatchObject({ options: { o: 2 }, version: 2n, revision: 3n });
    expect(checks.at(-1)).toMatchObject({ state: FINAL, outcome: Outcome.FAILED, version: 3n, revision: 4n });
  });

  test('of results only what that revision changed', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'c', state: PLANNED }] });
    const owner = (id: number) => ({ ownerType: 'ci', ownerId: `${id}`, data: { text: 'x'.repeat(500) } });
    for (let i = 0; i < 20; i++) await plan.writeCheck({ id: 'c', result: owner(i) });
    const { version } = await plan.get();
    await plan.writeCheck({ id: 'c', result: { ...owner(7), data: { changed: true } } });
    const [event] = await plan.history(version);
    expect(event?.event).toMatchObject({
      case: 'checkEvent',
      value: { check: { results: [{ ownerId: '7', data: { changed: true } }] } },
    });
    if (event?.event.case === 'checkEvent') expect(event.event.value.check?.results).toHaveLength(1);
  });

  test('of attempts and progress only what that revision changed: the size is that of the change', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    await plan.attempt('s', { processUid: 'one', details: { big: 'x'.repeat(20_000) } });
    await plan.attempt('s', { state: AttemptState.INCOMPLETE });
    await plan.attempt('s', { processUid: 'two', details: { big: 'y'.repeat(20_000) } });
    for (let i = 0; i < 20; i++) await plan.attempt('s', { progress: { message: `${i} ${'x'.repeat(500)}` } });
    const { version } = await plan.get();
    await plan.attempt('s', { progress: { message: 'the last', percent: 90 } });
    const events = await plan.history(version);
    expect(events).toHaveLength(1);
    const { event } = events[0] ?? expect.fail('no event');
    expect(event).toMatchObject({
      case: 'stageEvent',
      value: { stageId: 's', oldState: 20, newState: 20, attempt: { idx: 2, state: AttemptState.RUNNING } },
    });
    if (event.case !== 'stageEvent') return;
    expect(event.value.attempt?.progress.map(({ message }) => message)).toEqual(['the last']);
    expect(event.value.stage?.attempts.flatMap(({ progress }) => progress.map(({ message }) => message))).toEqual(
      expect.not.arrayContaining([expect.stringContaining('xxx')]),
    );
    const bytes = toBinary(WorkPlanEventSchema, events[0] ?? expect.fail('no event')).length;
    expect(bytes).toBeLessThan(2000);
  });

  test('every event is as large as its change, over the whole life of a stage', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's', args: { a: 1 } }] });
    for (let i = 0; i < 100; i++) await plan.attempt('s', { progress: { message: `${i} ${'x'.repeat(100)}` } });
    await plan.complete('s');
    const sizes = (await plan.history(2n)).map((event) => toBinary(WorkPlanEventSchema, event).length);
    expect(Math.max(...sizes)).toBeLessThan(1500);
  });

  test('view BASIC', async () => {
    const plan = await server.plan();
    const watch = await plan.watch({ view: NodeView.BASIC });
    await plan.write({
      checks: [
        { id: 'c', state: PLANNED, options: { o: 1 }, result: { ownerType: 'ci', ownerId: '1', data: { d: 1 } } },
      ],
      stages: [{ id: 's', args: { a: 1 }, currentAttempt: { details: { d: 1 }, progress: { message: 'm' } } }],
    });
    await fence(plan, watch);
    for (const { event } of watch.events) {
      if (event.case === 'checkEvent') {
        expect(event.value.check?.options).toBeUndefined();
        expect(event.value.check?.results.every(({ data }) => data === undefined)).toBe(true);
      }
      if (event.case === 'stageEvent') {
        const attempts = [
          ...(event.value.stage?.attempts ?? []),
          ...(event.value.attempt === undefined ? [] : [event.value.attempt]),
        ];
        expect(event.value.stage?.args).toBeUndefined();
        expect(attempts.every(({ details, progress }) => details === undefined && progress.length === 0)).toBe(true);
      }
    }
  });
});

describe('semantics 12: completed_event', () => {
  test('comes when the plan becomes COMPLETE; the stream goes on', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 's' }] });
    const watch = await plan.watch();
    await plan.reject('a');
    await plan.complete('s');
    const { event, revision } = await watch.until(isCompleted, 'completed');
    expect(event.value).toMatchObject({ checksCompleted: 1, stagesCompleted: 1, hasFailures: true });
    expect(revision).toBe(4n);
    await plan.write({ checks: [{ id: 'b' }] });
    await plan.pass('b');
    await watch.untilLine('completed r6');
    expect(watch.over).toBe(false);
    watch.close();
  });

  test('end_on_completion: the stream ends with OK after it', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }] });
    const watch = await plan.watch({ endOnCompletion: true });
    await plan.pass('a');
    const events = await watch.end();
    expect(events.map(line)).toEqual(['check/a 10>40 r3', 'plan 1>2 r3', 'completed r3']);
    expect(events.at(-1)?.event.value).toMatchObject({ checksCompleted: 1, stagesCompleted: 0, hasFailures: false });
  });

  test.each([
    { name: 'COMPLETE', finish: (plan: TestPlan) => plan.pass('a') },
    { name: 'CANCELLED', finish: (plan: TestPlan) => plan.cancel() },
  ])('a watch without since_revision on a $name plan gets it at once', async ({ finish }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }] });
    await finish(plan);
    const ending = await plan.watch({ endOnCompletion: true });
    expect((await ending.end()).map(line)).toEqual(['completed r3']);
    const staying = await plan.watch();
    await staying.until(isCompleted, 'completed');
    const end = await fence(plan, staying);
    expect(linesBefore(staying, end)).toEqual(['completed r3']);
    staying.close();
  });

  test('with since_revision it comes in its place', async () => {
    const plan = await server.plan();
    await plan.pass('a');
    await plan.write({ checks: [{ id: 'b' }] });
    await plan.pass('b');
    const watch = await plan.watch({ sinceRevision: 0n });
    await watch.untilLine('completed r4');
    expect(watch.lines.filter((text) => text.startsWith('completed'))).toEqual(['completed r2', 'completed r4']);
    watch.close();
    const ending = await plan.watch({ sinceRevision: 2n, endOnCompletion: true });
    expect((await ending.end()).map(line).at(-1)).toBe('completed r4');
  });

  test('of a cancelled plan it comes when nothing is left to run', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 's', currentAttempt: { processUid: 'me' } }] });
    const watch = await plan.watch({ endOnCompletion: true });
    await plan.cancel();
    const { version } = await plan.get();
    expect(watch.events.some(isCompleted)).toBe(false);
    const late = await plan.watch({ endOnCompletion: true });
    await plan.attempt('s', { processUid: 'me', state: AttemptState.COMPLETE });
    const events = await watch.end();
    expect(events.at(-1)?.event.case).toBe('completedEvent');
    expect(events.filter(isCompleted)).toHaveLength(1);
    expect(events.at(-1)?.revision).toBe(version + 1n);
    expect((await late.end()).map(line).at(-1)).toBe(line(events.at(-1) ?? expect.fail('no event')));
  });

  test('does not come for a plan without nodes', async () => {
    const plan = await server.plan();
    const watch = await plan.watch({ sinceRevision: 0n, endOnCompletion: true });
    const end = await fence(plan, watch);
    expect(linesBefore(watch, end)).toEqual(['plan 0>1 r1']);
    expect((await watch.end()).map(line).at(-1)).toBe(`completed r${end}`);
  });
});
