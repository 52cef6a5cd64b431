import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, StageState, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import type { CreateInit, WriteInit } from './harness/plan.ts';
import { type Expected, refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const reused: Expected = { code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' };

/** How many plans carry this mark. */
async function plansMarked(mark: string): Promise<number> {
  const { workPlans } = await server.calls.listWorkPlans({ metadata: { mark } });
  return workPlans.length;
}

describe('semantics 13: CreateWorkPlan', () => {
  const marked = (mark: string, requestId: string): CreateInit => ({ metadata: { mark, branch: 'main' }, requestId });

  test('same id and body: the same plan', async () => {
    const [mark, requestId] = [randomUUID(), randomUUID()];
    const first = await server.plan(marked(mark, requestId));
    expect((await server.plan(marked(mark, requestId))).id).toBe(first.id);
    expect((await server.plan({ metadata: { branch: 'main', mark }, requestId })).id, 'keys sorted').toBe(first.id);
    expect(await plansMarked(mark)).toBe(1);
  });

  test('another body: ALREADY_EXISTS', async () => {
    const [mark, requestId] = [randomUUID(), randomUUID()];
    await server.plan(marked(mark, requestId));
    await refused(server.plan({ metadata: { mark }, requestId }), reused);
    await refused(server.plan({ requestId }), reused);
    expect(await plansMarked(mark)).toBe(1);
  });

  test('no id: a plan each', async () => {
    const mark = randomUUID();
    await server.plan({ metadata: { mark } });
    await server.plan({ metadata: { mark } });
    expect(await plansMarked(mark)).toBe(2);
  });

  test('concurrent duplicates make one plan', async () => {
    const [mark, requestId] = [randomUUID(), randomUUID()];
    const plans = await Promise.all(Array.from({ length: 30 }, () => server.plan(marked(mark, requestId))));
    expect(new Set(plans.map(({ id }) => id)).size).toBe(1);
    expect(await plansMarked(mark)).toBe(1);
  });

  test('the plan is shown as it stands', async () => {
    const requestId = randomUUID();
    const plan = await server.plan({ requestId });
    await plan.pass('a');
    const { workPlan } = await server.calls.createWorkPlan({ requestId });
    expect(workPlan).toMatchObject({ id: plan.id, state: WorkPlanState.COMPLETE });
  });
});

describe('semantics 13: WriteNodes', () => {
  const write = (requestId: string, message = 'step'): WriteInit => ({
    requestId,
    stages: [{ id: 's', currentAttempt: { progress: { message, details: { a: 1, b: { c: 2, d: 3 } } } } }],
  });

  test('same id and body: same revision, no second effect, nodes as they stand now', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const requestId = randomUUID();
    const first = await plan.write(write(requestId));
    await plan.attempt('s', { processUid: 'me' });
    const before = await plan.snapshot();
    const again = await plan.write(write(requestId));
    expect(again.revision).toBe(first.revision);
    expect(again.stages).toEqual(before.stages);
    const details = { b: { d: 3, c: 2 }, a: 1 };
    const turned = await plan.write({
      requestId,
      stages: [{ id: 's', currentAttempt: { progress: { message: 'step', details } } }],
    });
    expect(turned.revision, 'keys sorted').toBe(first.revision);
    await plan.expectUnchanged(before);
  });

  test('another body: ALREADY_EXISTS', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const requestId = randomUUID();
    await plan.write(write(requestId));
    await plan.refuses(write(requestId, 'other'), reused);
    await plan.refuses({ requestId }, reused);
    await plan.refuses({ ...write(requestId), checks: [{ id: 'more' }] }, reused);
  });

  test('what would be refused now is answered from the first time', async () => {
    const plan = await server.plan();
    const requestId = randomUUID();
    const create: WriteInit = {
      requestId,
      expectedPlanVersion: 1n,
      checks: [{ id: 'a', expectedVersion: 0n, options: { o: 1 } }],
    };
    const first = await plan.write(create);
    await plan.pass('a');
    const again = await plan.write(create);
    expect(again.revision).toBe(first.revision);
    expect(again.checks).toMatchObject([{ id: 'a', state: CheckState.FINAL }]);
  });

  test('a write that changed nothing is remembered too', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }] });
    const requestId = randomUUID();
    await plan.write({ requestId, checks: [{ id: 'a' }] });
    await refused(plan.write({ requestId, checks: [{ id: 'b' }] }), reused);
  });

  test('concurrent duplicates have one effect', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const requestId = randomUUID();
    const answers = await Promise.all(Array.from({ length: 30 }, () => plan.write(write(requestId))));
    expect(new Set(answers.map(({ revision }) => revision))).toEqual(new Set([3n]));
    expect((await plan.stage('s')).attempts[0]?.progress).toHaveLength(1);
    expect(await plan.get()).toMatchObject({ version: 3n });
  });

  test('concurrent writes of one id with different bodies: one effect', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const requestId = randomUUID();
    const bodies = Array.from({ length: 10 }, (_, i) => plan.write(write(requestId, `body ${i}`)));
    const taken = (await Promise.allSettled(bodies)).filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(1);
    expect((await plan.stage('s')).attempts[0]?.progress).toHaveLength(1);
  });

  test('the id belongs to the method and the plan', async () => {
    const requestId = randomUUID();
    const [one, other] = [await server.plan({ requestId }), await server.plan()];
    await one.write({ requestId, checks: [{ id: 'a' }] });
    await other.write({ requestId, checks: [{ id: 'b' }] });
    expect(await other.check('b')).toMatchObject({ id: 'b' });
    expect((await server.plan({ requestId })).id).toBe(one.id);
  });

  test('a failed request is not remembered', async () => {
    const plan = await server.plan();
    const requestId = randomUUID();
    const finish: WriteInit = {
      requestId,
      stages: [{ id: 's', currentAttempt: { attemptIdx: 1, state: AttemptState.COMPLETE } }],
    };
    const held = { id: 's', dependencies: { dependencies: [{ targetId: 'gate' }] } };
    await plan.write({ checks: [{ id: 'gate' }], stages: [held] });
    await plan.refuses(finish, { code: 'FAILED_PRECONDITION' });
    await plan.refuses({ requestId, checks: [{ id: '' }] }, { code: 'INVALID_ARGUMENT' });
    await plan.refuses({ requestId, expectedPlanVersion: 99n }, { code: 'ABORTED' });
    await plan.pass('gate');
    await plan.write(finish);
    expect(await plan.stage('s')).toMatchObject({ state: StageState.FINAL });
  });
});

describe('semantics 13: the id itself', () => {
  test.each(['x', 'ü'.repeat(64), 'a'.repeat(64)])('%s is fine', async (requestId) => {
    const plan = await server.plan();
    await plan.write({ requestId, checks: [{ id: 'a' }] });
    await refused(plan.write({ requestId, checks: [{ id: 'b' }] }), reused);
  });

  test('65 characters are refused', async () => {
    const plan = await server.plan();
    const expected: Expected = { code: 'INVALID_ARGUMENT', field: 'request_id' };
    await plan.refuses({ requestId: 'a'.repeat(65), checks: [{ id: 'a' }] }, expected);
    await refused(server.plan({ requestId: 'a'.repeat(65) }), expected);
  });
});

describe('semantics 13: over a restart on the same file', () => {
  test('ids are still known', async () => {
    const [createId, writeId] = [randomUUID(), randomUUID()];
    const plan = await server.plan({ requestId: createId, metadata: { a: '1' } });
    const body: WriteInit = {
      requestId: writeId,
      stages: [{ id: 's', currentAttempt: { progress: { message: 'once' } } }],
    };
    const { revision } = await plan.write(body);
    const before = await plan.snapshot();
    await server.restart();
    const after = server.open(plan.id);
    expect(await after.snapshot()).toEqual(before);
    expect((await server.plan({ requestId: createId, metadata: { a: '1' } })).id).toBe(plan.id);
    expect((await after.write(body)).revision).toBe(revision);
    await refused(after.write({ ...body, reason: 'other' }), reused);
    await refused(server.plan({ requestId: createId }), reused);
    await after.expectUnchanged(before);
  });
});
