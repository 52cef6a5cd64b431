import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, StageState } from '../../../gen/turboci/v1/common_pb.js';
import type { WorkPlanEvent } from '../../../gen/turboci/v1/service_pb.js';
import { all, onCheck, onStage } from './harness/groups.ts';
import type { TestPlan, WriteInit } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, FINAL } = CheckState;
const mismatch: Expected = { code: 'ABORTED', reason: 'VERSION_MISMATCH' };

async function versions(plan: TestPlan): Promise<Record<string, [bigint, bigint]>> {
  const { checks, stages } = await plan.query();
  return Object.fromEntries([...checks, ...stages].map(({ id, version, revision }) => [id, [version, revision]]));
}

describe('semantics 1: revisions', () => {
  test('creation is 1; every committed change adds 1; what it touched carries it', async () => {
    const plan = await server.plan();
    expect(await plan.get()).toMatchObject({ version: 1n });
    const first = await plan.write({
      checks: [{ id: 'a' }, { id: 'b' }, { id: 'c', state: PLANNED, dependencies: all(onCheck('a')) }],
    });
    expect(first.revision).toBe(2n);
    expect(await versions(plan)).toEqual({ a: [1n, 2n], b: [1n, 2n], c: [1n, 2n] });
    const second = await plan.write({ checks: [{ id: 'a', state: FINAL }], stages: [{ id: 's' }] });
    expect(second.revision).toBe(3n);
    expect(await versions(plan), "the server's own advance included").toEqual({
      a: [2n, 3n],
      b: [1n, 2n],
      c: [2n, 3n],
      s: [1n, 3n],
    });
    expect(await plan.get()).toMatchObject({ version: 3n });
  });

  test('created and advanced in one write: version 1', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [
        { id: 'a', state: FINAL },
        { id: 'b', state: PLANNED, dependencies: all(onCheck('a'), onStage('s')) },
      ],
      stages: [{ id: 's', currentAttempt: { processUid: 'me', state: AttemptState.COMPLETE } }],
    });
    expect(await versions(plan)).toEqual({ a: [1n, 2n], b: [1n, 2n], s: [1n, 2n] });
    expect(await plan.check('b')).toMatchObject({ state: CheckState.WAITING });
  });

  test('a change of an attempt or a result is one of its node', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'c', state: PLANNED }], stages: [{ id: 's' }] });
    await plan.attempt('s', { progress: { message: 'x' } });
    await plan.attempt('s', { details: { a: 1 } });
    await plan.writeCheck({ id: 'c', result: { ownerType: 'ci', ownerId: '1' } });
    expect(await versions(plan)).toEqual({ c: [2n, 5n], s: [3n, 4n] });
  });

  test('failed writes use up no revision', async () => {
    const plan = await server.plan();
    await plan.pass('a');
    await plan.refuses({ checks: [{ id: 'a', state: CheckState.PLANNING }] }, { code: 'FAILED_PRECONDITION' });
    const { version } = await plan.get();
    expect((await plan.write({ checks: [{ id: 'b' }] })).revision).toBe(version + 1n);
  });

  test.each<{ name: string; write: WriteInit }>([
    { name: 'no node at all', write: {} },
    { name: 'a node without a field', write: { checks: [{ id: 'a' }], stages: [{ id: 's' }] } },
    {
      name: 'the same states',
      write: { checks: [{ id: 'a', state: CheckState.PLANNING }], stages: [{ id: 's', state: StageState.ATTEMPTING }] },
    },
    {
      name: 'equal values',
      write: { checks: [{ id: 'a', kind: 'k', options: { o: 1 } }], stages: [{ id: 's', args: { a: 1 } }] },
    },
    { name: 'the same claim (a heartbeat)', write: { stages: [{ id: 's', currentAttempt: { processUid: 'me' } }] } },
    { name: 'with a reason', write: { checks: [{ id: 'a' }], reason: 'why not' } },
  ])('a write that changes nothing: $name', async ({ write }) => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'a', kind: 'k', options: { o: 1 } }],
      stages: [{ id: 's', args: { a: 1 }, currentAttempt: { processUid: 'me' } }],
    });
    await plan.ignores(write);
  });

  test('a repeat of a whole creating write changes nothing', async () => {
    const plan = await server.plan();
    const write: WriteInit = {
      checks: [
        { id: 'a', kind: 'k', options: { o: [1] } },
        { id: 'b', dependencies: all(onCheck('a')) },
      ],
      stages: [{ id: 's', args: { a: 1 }, dependencies: all(onCheck('b')), assignments: [{ targetCheckId: 'a' }] }],
    };
    await plan.write(write);
    await plan.ignores(write);
  });

  test('a write of which one part changes something touches that part only', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a', kind: 'k' }, { id: 'b' }] });
    await plan.write({
      checks: [
        { id: 'a', kind: 'k' },
        { id: 'b', kind: 'l' },
      ],
    });
    expect(await versions(plan)).toEqual({ a: [1n, 2n], b: [2n, 3n] });
  });
});

describe('semantics 1: events', () => {
  async function story(): Promise<{ plan: TestPlan; events: readonly WorkPlanEvent[] }> {
    const plan = await server.plan();
    await plan.write({
      reason: 'plan it',
      checks: [{ id: 'a' }, { id: 'b', state: PLANNED, dependencies: all(onCheck('a')) }, { id: 'g' }],
      stages: [
        { id: 's', assignments: [{ targetCheckId: 'g' }] },
        { id: 't', dependencies: all(onStage('s')) },
      ],
    });
    await plan.write({ reason: 'answer', checks: [{ id: 'a', state: FINAL }] });
    await plan.attempt('s', { state: AttemptState.INCOMPLETE });
    await plan.attempt('s', { processUid: 'me' });
    await plan.attempt('s', { progress: { message: 'half', percent: 50 } });
    await plan.complete('s');
    await plan.write({ checks: [{ id: 'b', result: { ownerType: 'ci', ownerId: '1', data: { ok: true } } }] });
    await plan.cancel('enough');
    return { plan, events: await plan.history() };
  }

  test('every revision has at least one, in order', async () => {
    const { events } = await story();
    const revisions = events.map(({ revision }) => revision);
    expect([...new Set(revisions)]).toEqual(Array.from({ length: 9 }, (_, i) => BigInt(i + 1)));
    expect(revisions.toSorted((one, other) => Number(one - other))).toEqual(revisions);
  });

  test('each node: from UNKNOWN, without a seam, never back, to where it stands', async () => {
    const { plan, events } = await story();
    const paths = new Map<string, number[]>();
    for (const { event } of events) {
      if (event.case !== 'checkEvent' && event.case !== 'stageEvent') continue;
      const { value } = event;
      const id = 'checkId' in value ? `check/${value.checkId}` : `stage/${value.stageId}`;
      const path = paths.get(id) ?? [0];
      expect(value.oldState, id).toBe(path.at(-1));
      expect(value.newState, id).toBeGreaterThanOrEqual(value.oldState);
      paths.set(id, [...path, value.newState]);
    }
    const { checks, stages } = await plan.query();
    for (const { id, state } of checks.filter((check) => !check.id.startsWith('fence')))
      expect(paths.get(`check/${id}`)?.at(-1)).toBe(state);
    for (const { id, state } of stages) expect(paths.get(`stage/${id}`)?.at(-1)).toBe(state);
  });

  test('carry reason, actor and time', async () => {
    const { events } = await story();
    const at = (revision: bigint) => events.filter((event) => event.revision === revision);
    expect(at(2n).every(({ reason }) => reason === 'plan it')).toBe(true);
    expect(at(3n).some(({ reason }) => reason === 'answer')).toBe(true);
    expect(at(9n).some(({ reason }) => reason === 'enough')).toBe(true);
    expect(events.every(({ timestamp, actor }) => timestamp !== undefined && actor !== '')).toBe(true);
  });

  test('the last event of each revision shows the versions that the nodes have', async () => {
    const { plan, events } = await story();
    const known = await versions(plan);
    const seen = new Map<string, bigint>();
    for (const { event } of events) {
      if (event.case === 'checkEvent') seen.set(event.value.checkId, event.value.check?.version ?? 0n);
      if (event.case === 'stageEvent') seen.set(event.value.stageId, event.value.stage?.version ?? 0n);
    }
    for (const [id, version] of seen) expect(known[id]?.[0], id).toBe(version);
  });
});

describe('semantics 1: conditional writes', () => {
  const conditional: readonly { name: string; write: WriteInit; expected: string; actual: string }[] = [
    {
      name: 'a check of another version',
      write: { checks: [{ id: 'a', kind: 'x', expectedVersion: 1n }] },
      expected: '1',
      actual: '2',
    },
    {
      name: 'a check of a version to come',
      write: { checks: [{ id: 'a', kind: 'x', expectedVersion: 3n }] },
      expected: '3',
      actual: '2',
    },
    { name: 'a check that exists', write: { checks: [{ id: 'a', expectedVersion: 0n }] }, expected: '0', actual: '2' },
    {
      name: 'a check that does not exist',
      write: { checks: [{ id: 'new', expectedVersion: 1n }] },
      expected: '1',
      actual: '0',
    },
    {
      name: 'a stage of another version',
      write: { stages: [{ id: 's', expectedVersion: 7n }] },
      expected: '7',
      actual: '1',
    },
    { name: 'a stage that exists', write: { stages: [{ id: 's', expectedVersion: 0n }] }, expected: '0', actual: '1' },
    {
      name: 'a stage that does not exist',
      write: { stages: [{ id: 'new', expectedVersion: 2n }] },
      expected: '2',
      actual: '0',
    },
    {
      name: 'a plan of another version',
      write: { checks: [{ id: 'new' }], expectedPlanVersion: 2n },
      expected: '2',
      actual: '3',
    },
    { name: 'a plan of a version to come', write: { expectedPlanVersion: 4n }, expected: '4', actual: '3' },
    {
      name: 'one of several',
      write: {
        checks: [
          { id: 'new', state: FINAL },
          { id: 'a', expectedVersion: 2n },
        ],
        stages: [{ id: 's', expectedVersion: 2n }],
      },
      expected: '2',
      actual: '1',
    },
  ];
  async function prepared(): Promise<TestPlan> {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 's' }] });
    await plan.write({ checks: [{ id: 'a', options: { o: 1 } }] });
    expect(await plan.get()).toMatchObject({ version: 3n });
    return plan;
  }

  test.each(conditional)('$name: ABORTED with expected and actual', async ({ write, expected, actual }) => {
    const plan = await prepared();
    const refusal = await plan.refuses(write, mismatch);
    expect(refusal.info?.metadata).toMatchObject({ expected, actual });
  });

  test('what matches is written', async () => {
    const plan = await prepared();
    await plan.write({
      expectedPlanVersion: 3n,
      checks: [
        { id: 'a', kind: 'k', expectedVersion: 2n },
        { id: 'new', expectedVersion: 0n },
      ],
      stages: [
        { id: 's', expectedVersion: 1n, currentAttempt: { processUid: 'me' } },
        { id: 'more', expectedVersion: 0n },
      ],
    });
    expect(await versions(plan)).toEqual({ a: [3n, 4n], new: [1n, 4n], s: [2n, 4n], more: [1n, 4n] });
  });

  test('of concurrent writes of one version exactly one is taken', async () => {
    const plan = await prepared();
    const writes = Array.from({ length: 16 }, (_, i) =>
      plan.write({ checks: [{ id: 'a', options: { winner: i }, expectedVersion: 2n }] }),
    );
    const taken = (await Promise.allSettled(writes)).flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    expect(taken).toHaveLength(1);
    expect((await plan.check('a')).options).toMatchObject({ winner: taken[0] });
    expect(await plan.get()).toMatchObject({ version: 4n });
  });
});
