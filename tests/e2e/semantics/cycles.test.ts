import { describe, expect, test } from 'vitest';
import { CheckState, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { all, any, onCheck, onStage } from './harness/groups.ts';
import type { TestPlan, WriteInit } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, FINAL } = CheckState;
const cycle: Expected = { code: 'INVALID_ARGUMENT', reason: 'DEPENDENCY_CYCLE' };

/** The write is refused for a cycle whose path names these nodes. */
async function closes(plan: TestPlan, write: WriteInit, nodes: readonly string[]): Promise<void> {
  const refusal = await plan.refuses(write, cycle);
  const said = [refusal.message, ...Object.values(refusal.info?.metadata ?? {})].join('\n');
  for (const node of nodes) expect(said).toContain(node);
}

describe('semantics 5: a cycle is INVALID_ARGUMENT and its path is named', () => {
  const within: readonly { name: string; write: WriteInit; nodes: readonly string[] }[] = [
    {
      name: 'a check on itself',
      write: { checks: [{ id: 'self', dependencies: all(onCheck('self')) }] },
      nodes: ['self'],
    },
    {
      name: 'a stage on itself',
      write: { stages: [{ id: 'self', dependencies: any(onStage('self')) }] },
      nodes: ['self'],
    },
    {
      name: 'a stage whose continuation group is itself',
      write: { stages: [{ id: 'self', continuationGroup: all(onStage('self')) }] },
      nodes: ['self'],
    },
    {
      name: 'two checks',
      write: {
        checks: [
          { id: 'one', dependencies: all(onCheck('two')) },
          { id: 'two', dependencies: all(onCheck('one')) },
        ],
      },
      nodes: ['one', 'two'],
    },
    {
      name: 'a check and a stage, in nested groups',
      write: {
        checks: [{ id: 'free' }, { id: 'one', dependencies: any(onCheck('free'), all(onStage('two'))) }],
        stages: [{ id: 'two', dependencies: all(onCheck('free'), any(onCheck('one'))) }],
      },
      nodes: ['one', 'two'],
    },
    {
      name: 'through a continuation group',
      write: {
        checks: [{ id: 'one', state: PLANNED, dependencies: all(onStage('two')) }],
        stages: [{ id: 'two', continuationGroup: all(onCheck('one')) }],
      },
      nodes: ['one', 'two'],
    },
  ];
  test.each(within)('$name, within one write', async ({ write, nodes }) => {
    await closes(await server.plan(), write, nodes);
  });

  test('against a stored node', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [
        { id: 'one' },
        { id: 'two', state: PLANNED, dependencies: all(onCheck('one')) },
        { id: 'three', state: PLANNED, dependencies: all(onCheck('two')) },
      ],
    });
    await closes(plan, { checks: [{ id: 'one', dependencies: all(onCheck('three')) }] }, ['one', 'two', 'three']);
    await closes(
      plan,
      {
        checks: [
          { id: 'one', dependencies: all(onCheck('new')) },
          { id: 'new', dependencies: all(onCheck('three')) },
        ],
      },
      ['one', 'two', 'three', 'new'],
    );
  });

  test('against a PLANNING node, which tracks nothing yet', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'one' }, { id: 'two', dependencies: all(onCheck('one')) }] });
    await closes(plan, { checks: [{ id: 'one', dependencies: all(onCheck('two')) }] }, ['one', 'two']);
  });

  test('a stage waits for its children: a child that depends on it', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 'parent' }] });
    const attempt = { stageId: 'parent', attemptIdx: 1 };
    await closes(plan, { attempt, stages: [{ id: 'child', dependencies: all(onStage('parent')) }] }, [
      'parent',
      'child',
    ]);
    const checks = [{ id: 'between', state: PLANNED, dependencies: all(onStage('parent')) }];
    await closes(plan, { attempt, checks, stages: [{ id: 'child', dependencies: all(onCheck('between')) }] }, [
      'parent',
      'child',
      'between',
    ]);
  });

  test('a stored check that comes to depend on the parent of what waits for it', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'later' }], stages: [{ id: 'parent' }] });
    const attempt = { stageId: 'parent', attemptIdx: 1 };
    await plan.write({ attempt, stages: [{ id: 'child', dependencies: all(onCheck('later')) }] });
    await closes(plan, { checks: [{ id: 'later', dependencies: all(onStage('parent')) }] }, [
      'later',
      'parent',
      'child',
    ]);
  });

  test('a continuation group written later', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'after', state: PLANNED, dependencies: all(onStage('s')) }],
      stages: [{ id: 's' }],
    });
    const continuationGroup = all(onCheck('after'));
    await closes(plan, { stages: [{ id: 's', continuationGroup }] }, ['after', 's']);
    await closes(plan, { stages: [{ id: 's', state: StageState.AWAITING_GROUP, continuationGroup }] }, ['after', 's']);
  });

  test('nothing of the write is stored, whatever else it carries', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'one' }] });
    const checks = [
      { id: 'good', state: FINAL },
      { id: 'one', dependencies: all(onCheck('two')) },
      { id: 'two', dependencies: all(onCheck('one')) },
    ];
    await closes(plan, { checks, stages: [{ id: 'fine' }] }, ['one', 'two']);
  });

  test('a long one is refused like a short one', async () => {
    const plan = await server.plan();
    const length = 5000;
    const checks = Array.from({ length }, (_, i) => ({
      id: `node-${i}`,
      dependencies: all(onCheck(`node-${(i + 1) % length}`)),
    }));
    await closes(plan, { checks }, ['node-']);
    await plan.write({ checks: checks.with(length - 1, { id: `node-${length - 1}`, dependencies: {} }) });
    await closes(plan, { checks: [{ id: `node-${length - 1}`, dependencies: all(onCheck('node-0')) }] }, [
      `node-${length - 1}`,
      'node-0',
    ]);
  });
});

describe('semantics 5: what is no cycle', () => {
  test('a path through a FINAL node', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'one' }, { id: 'two', state: PLANNED, dependencies: all(onCheck('one')) }] });
    await plan.pass('two');
    expect(await plan.writeCheck({ id: 'one', dependencies: all(onCheck('two')) })).toMatchObject({ version: 2n });
  });

  test('assignments are no edges', async () => {
    const plan = await server.plan();
    const stages = [{ id: 's', dependencies: all(onCheck('c')), assignments: [{ targetCheckId: 'c' }] }];
    await plan.write({ checks: [{ id: 'c' }], stages });
    expect(await plan.stage('s')).toMatchObject({ state: StageState.PLANNED });
  });

  test('a diamond', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [
        { id: 'top', dependencies: all(onCheck('left'), onCheck('right')) },
        { id: 'left', dependencies: all(onCheck('bottom')) },
        { id: 'right', dependencies: all(onCheck('bottom')) },
        { id: 'bottom' },
      ],
    });
  });

  test('a check may wait for the check that waited for it before its dependencies were replaced', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'one', dependencies: all(onCheck('two')) }, { id: 'two' }] });
    await plan.write({
      checks: [
        { id: 'one', dependencies: {} },
        { id: 'two', dependencies: all(onCheck('one')) },
      ],
    });
  });

  test('a child that does not wait for its parent, and a node after both', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 'parent' }] });
    await plan.write({
      attempt: { stageId: 'parent', attemptIdx: 1 },
      checks: [{ id: 'after', state: PLANNED, dependencies: all(onStage('parent'), onStage('child')) }],
      stages: [{ id: 'child' }],
    });
  });
});
