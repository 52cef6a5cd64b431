import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, NodeView, StageState, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import type { QueryInit, TestPlan } from './harness/plan.ts';
import { type Expected, refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
/** A number that no enum has. */
const UNHEARD_OF: number = 77;
const badToken: Expected = { code: 'INVALID_ARGUMENT', reason: 'BAD_PAGE_TOKEN', field: 'page_token' };

/** Checks a..d in PLANNING, PLANNED, WAITING, FINAL and stages p..s in PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL. */
async function everyState(): Promise<TestPlan> {
  const plan = await server.plan();
  const gated = all(onCheck('a'));
  await plan.write({
    checks: [
      { id: 'a', options: { o: 1 } },
      { id: 'b', state: CheckState.PLANNED, dependencies: gated },
      { id: 'c', state: CheckState.PLANNED },
      { id: 'd', state: CheckState.FINAL },
    ],
    stages: [
      { id: 'p', dependencies: gated, args: { a: 1 } },
      { id: 'q' },
      { id: 'r', continuationGroup: gated },
      { id: 's' },
    ],
  });
  await plan.write({
    checks: [{ id: 'c', result: { ownerType: 'ci', ownerId: '1', data: { d: 1 } } }],
    stages: [
      { id: 'q', currentAttempt: { details: { d: 1 }, progress: { message: 'm' } } },
      { id: 'r', currentAttempt: { state: AttemptState.COMPLETE } },
      { id: 's', currentAttempt: { state: AttemptState.COMPLETE } },
    ],
  });
  return plan;
}

describe('api: QueryNodes', () => {
  const queries: readonly { name: string; query: QueryInit; ids: string }[] = [
    { name: 'neither flag means both', query: {}, ids: 'abcd pqrs' },
    { name: 'both flags', query: { includeChecks: true, includeStages: true }, ids: 'abcd pqrs' },
    { name: 'checks', query: { includeChecks: true }, ids: 'abcd ' },
    { name: 'stages', query: { includeStages: true }, ids: ' pqrs' },
    { name: 'check_ids are a condition on checks', query: { checkIds: ['b', 'a'] }, ids: 'ab pqrs' },
    { name: 'stage_ids are a condition on stages', query: { stageIds: ['r'] }, ids: 'abcd r' },
    { name: 'ids of both', query: { checkIds: ['c'], stageIds: ['p', 'q'] }, ids: 'c pq' },
    { name: 'ids that do not exist', query: { checkIds: ['ghost'], includeChecks: true }, ids: ' ' },
    { name: 'a state', query: { checkStates: [CheckState.WAITING], includeChecks: true }, ids: 'c ' },
    {
      name: 'states',
      query: {
        checkStates: [CheckState.FINAL, CheckState.PLANNING],
        stageStates: [StageState.ATTEMPTING, StageState.FINAL],
      },
      ids: 'ad qs',
    },
    {
      name: 'all conditions have to be met',
      query: { checkIds: ['a', 'b'], checkStates: [CheckState.PLANNED], includeChecks: true },
      ids: 'b ',
    },
    { name: 'conditions on what is not included', query: { checkIds: ['a'], includeStages: true }, ids: ' pqrs' },
  ];
  test.each(queries)('$name', async ({ query, ids }) => {
    const plan = await everyState();
    const { checks, stages, revision, nextPageToken } = await plan.query(query);
    const found = [checks, stages].map((nodes) => nodes.map(({ id }) => id).join('')).join(' ');
    expect(found).toBe(ids);
    expect(revision).toBe(3n);
    expect(nextPageToken).toBe('');
  });

  test('by creation: what one write creates, in its order, whatever else it says of them', async () => {
    const plan = await server.plan();
    const gated = all(onCheck('z'));
    await plan.write({
      checks: [
        { id: 'z' },
        { id: 'y', state: CheckState.PLANNED, dependencies: gated },
        { id: 'x', state: CheckState.PLANNED, result: { ownerType: 'ci', ownerId: '1' } },
        { id: 'w', state: CheckState.FINAL },
      ],
      stages: [
        { id: 'v', dependencies: gated },
        { id: 'u', currentAttempt: { processUid: 'me' } },
        { id: 't', currentAttempt: { state: AttemptState.COMPLETE } },
        { id: 's' },
      ],
    });
    const { checks, stages } = await plan.query();
    expect(checks.map(({ id }) => id)).toEqual(['z', 'y', 'x', 'w']);
    expect(stages.map(({ id }) => id)).toEqual(['v', 'u', 't', 's']);
  });

  test('states of every node', async () => {
    const { checks, stages } = await (await everyState()).query();
    expect(checks.map(({ state }) => state)).toEqual([10, 20, 30, 40]);
    expect(stages.map(({ state }) => state)).toEqual([10, 20, 30, 40]);
  });

  test('the answers of a write are what a query then shows', async () => {
    const plan = await everyState();
    const { checks, stages, revision } = await plan.write({
      checks: [
        { id: 'b' },
        { id: 'a', state: CheckState.FINAL },
        { id: 'n', state: CheckState.PLANNED, dependencies: all(onCheck('a')) },
      ],
      stages: [{ id: 'r' }, { id: 'p' }],
    });
    expect(
      checks.map(({ id, state }) => [id, state]),
      'in the order of the request',
    ).toEqual([
      ['b', CheckState.WAITING],
      ['a', CheckState.FINAL],
      ['n', CheckState.WAITING],
    ]);
    expect(stages.map(({ id, state }) => [id, state])).toEqual([
      ['r', StageState.FINAL],
      ['p', StageState.ATTEMPTING],
    ]);
    const query = await plan.query();
    expect(query.revision).toBe(revision);
    for (const check of checks) expect(query.checks).toContainEqual(check);
    for (const stage of stages) expect(query.stages).toContainEqual(stage);
    expect([...checks, ...stages].every((node) => node.revision === revision)).toBe(true);
  });

  test('view BASIC leaves out options, args, data of results, details and progress', async () => {
    const plan = await everyState();
    const basic = await plan.query({ view: NodeView.BASIC });
    expect(basic.checks.every(({ options }) => options === undefined)).toBe(true);
    expect(basic.checks[2]?.results).toMatchObject([{ ownerId: '1' }]);
    expect(basic.checks[2]?.results[0]?.data).toBeUndefined();
    expect(basic.checks[1]?.dependencies?.dependencies).toMatchObject([{ targetId: 'a' }]);
    expect(basic.stages.every(({ args }) => args === undefined)).toBe(true);
    expect(basic.stages[1]?.attempts).toMatchObject([{ idx: 1, progress: [] }]);
    expect(basic.stages[1]?.attempts[0]?.details).toBeUndefined();
    for (const view of [NodeView.FULL, NodeView.UNKNOWN]) {
      const full = await plan.query({ view });
      expect(full.checks[0]?.options).toEqual({ o: 1 });
      expect(full.checks[2]?.results).toMatchObject([{ data: { d: 1 } }]);
      expect(full.stages[0]?.args).toEqual({ a: 1 });
      expect(full.stages[1]?.attempts).toMatchObject([{ details: { d: 1 }, progress: [{ message: 'm' }] }]);
    }
    const written = await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 'q' }], responseView: NodeView.BASIC });
    expect(written.checks).toEqual([basic.checks[0]]);
    expect(written.stages).toEqual([basic.stages[1]]);
  });
});

describe('api: pages of nodes', () => {
  const [checkIds, stageIds] = [
    Array.from({ length: 23 }, (_, i) => `c${(i * 7) % 23}`),
    Array.from({ length: 11 }, (_, i) => `s${(i * 5) % 11}`),
  ];

  async function many(): Promise<TestPlan> {
    const plan = await server.plan();
    for (let i = 0; i < 4; i++) {
      const part = (ids: readonly string[]) => ids.filter((_, at) => at % 4 === i).map((id) => ({ id }));
      await plan.write({ checks: part(checkIds), stages: part(stageIds) });
    }
    return plan;
  }

  async function pages(plan: TestPlan, query: QueryInit): Promise<string[][]> {
    const found: string[][] = [];
    let pageToken = '';
    do {
      const { checks, stages, nextPageToken } = await plan.query({ ...query, pageToken });
      found.push([...checks, ...stages].map(({ id }) => id));
      pageToken = nextPageToken;
    } while (pageToken !== '' && found.length < 100);
    return found;
  }

  test.each([1, 5, 7, 23, 33, 34, 35, 10_000, 1_000_000])(
    'of %i: checks, then stages, each by creation',
    async (pageSize) => {
      const plan = await many();
      const [whole] = await pages(plan, {});
      const inOrder = (ids: readonly string[]) => [0, 1, 2, 3].flatMap((i) => ids.filter((_, at) => at % 4 === i));
      expect(whole).toEqual([...inOrder(checkIds), ...inOrder(stageIds)]);
      const paged = await pages(plan, { pageSize });
      expect(paged.flat()).toEqual(whole);
      expect(paged.slice(0, -1).every(({ length }) => length === pageSize)).toBe(true);
      expect(paged.at(-1)?.length, 'no empty last page').toBeGreaterThan(0);
    },
  );

  test('with conditions', async () => {
    const plan = await many();
    await plan.pass('c3', 'c9', 'c15');
    const query: QueryInit = { checkStates: [CheckState.FINAL], stageIds: ['s1', 's2'], pageSize: 2 };
    const paged = await pages(plan, query);
    expect(paged.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(new Set(paged.flat())).toEqual(new Set(['c3', 'c9', 'c15', 's1', 's2']));
  });

  test('what was there is seen once, whatever is written between the pages', async () => {
    const plan = await many();
    const [whole] = await pages(plan, {});
    const first = await plan.query({ pageSize: 10 });
    await plan.write({ checks: [{ id: 'late' }], stages: [{ id: 'later' }] });
    await plan.pass('c0', 'c1', 'c2');
    const rest = await plan.query({ pageSize: 10_000, pageToken: first.nextPageToken });
    const seen = [...first.checks, ...first.stages, ...rest.checks, ...rest.stages].map(({ id }) => id);
    expect(seen.filter((id) => id !== 'late' && id !== 'later')).toEqual(whole);
  });

  test('a token is bound to its query', async () => {
    const plan = await many();
    const { nextPageToken: pageToken } = await plan.query({ pageSize: 5, includeChecks: true });
    expect(pageToken).not.toBe('');
    const others: readonly QueryInit[] = [
      { includeStages: true },
      { checkIds: ['c1'], includeChecks: true },
      { checkStates: [CheckState.PLANNING], includeChecks: true },
      { stageStates: [StageState.PLANNED] },
    ];
    for (const other of others) await refused(plan.query({ ...other, pageSize: 5, pageToken }), badToken);
    const elsewhere = await many();
    await refused(elsewhere.query({ includeChecks: true, pageSize: 5, pageToken }), badToken);
    const list = server.calls.listWorkPlans({ pageSize: 5, pageToken });
    await refused(list, badToken);
  });

  test.each(['nonsense', '====', 'AAAA', '%00', 'e30', Buffer.from('{"after":1}').toString('base64url')])(
    'the token %s is refused',
    async (pageToken) => {
      const plan = await many();
      await refused(plan.query({ pageSize: 5, pageToken }), badToken);
      await refused(server.calls.listWorkPlans({ pageToken }), badToken);
    },
  );

  test('a negative page size is refused', async () => {
    const plan = await server.plan();
    const expected: Expected = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field: 'page_size' };
    await refused(plan.query({ pageSize: -1 }), expected);
    await refused(server.calls.listWorkPlans({ pageSize: -1 }), expected);
  });
});

describe('api: ListWorkPlans', () => {
  const { ACTIVE, COMPLETE, CANCELLED } = WorkPlanState;
  const [mark, listed] = [randomUUID(), randomUUID()];
  const idsOf = async (query: Parameters<typeof server.calls.listWorkPlans>[0]) =>
    (await server.calls.listWorkPlans(query)).workPlans.map(({ id }) => id);

  test('newest first, by state and metadata, in pages', async () => {
    const plans: string[] = [];
    for (let i = 0; i < 9; i++) {
      const plan = await server.plan({ metadata: { mark, kind: i % 2 === 0 ? 'even' : 'odd' } });
      if (i % 3 === 1) await plan.pass('a');
      if (i % 3 === 2) await plan.cancel();
      plans.unshift(plan.id);
    }
    const metadata = { mark };
    const every = (wanted: (i: number) => boolean) => plans.filter((_, at) => wanted(8 - at));
    expect(await idsOf({ metadata })).toEqual(plans);
    expect(await idsOf({ metadata: { mark, kind: 'odd' } })).toEqual(every((i) => i % 2 === 1));
    expect(await idsOf({ metadata: { mark, kind: 'ODD' } })).toEqual([]);
    expect(await idsOf({ metadata: { mark: 'unknown' } })).toEqual([]);
    expect(await idsOf({ metadata, states: [ACTIVE] })).toEqual(every((i) => i % 3 === 0));
    expect(await idsOf({ metadata, states: [COMPLETE] })).toEqual(every((i) => i % 3 === 1));
    expect(await idsOf({ metadata, states: [CANCELLED, ACTIVE] })).toEqual(every((i) => i % 3 !== 1));
    expect(await idsOf({ metadata: { mark, kind: 'odd' }, states: [COMPLETE] })).toEqual(
      every((i) => i % 3 === 1 && i % 2 === 1),
    );

    const paged: string[] = [];
    let pageToken = '';
    do {
      const page = await server.calls.listWorkPlans({ metadata, pageSize: 4, pageToken });
      paged.push(...page.workPlans.map(({ id }) => id));
      if (page.nextPageToken !== '') expect(page.workPlans).toHaveLength(4);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paged).toEqual(plans);

    const { nextPageToken } = await server.calls.listWorkPlans({ metadata, pageSize: 4 });
    await refused(
      server.calls.listWorkPlans({ metadata, states: [ACTIVE], pageSize: 4, pageToken: nextPageToken }),
      badToken,
    );
    await refused(server.calls.listWorkPlans({ pageSize: 4, pageToken: nextPageToken }), badToken);
  });

  test('a plan in a list is as GetWorkPlan shows it', async () => {
    const plan = await server.plan({ metadata: { mark: listed } });
    await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 's' }] });
    const { workPlans } = await server.calls.listWorkPlans({ metadata: { mark: listed } });
    expect(workPlans).toEqual([await plan.get()]);
  });

  test('unknown states are refused', async () => {
    const plan = await server.plan();
    const invalid: Expected = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' };
    await refused(server.calls.listWorkPlans({ states: [UNHEARD_OF] }), { ...invalid, field: 'states[0]' });
    await refused(plan.query({ checkStates: [CheckState.FINAL, UNHEARD_OF] }), {
      ...invalid,
      field: 'check_states[1]',
    });
    await refused(plan.query({ stageStates: [UNHEARD_OF] }), { ...invalid, field: 'stage_states[0]' });
    await refused(plan.query({ view: UNHEARD_OF }), { ...invalid, field: 'view' });
  });
});
