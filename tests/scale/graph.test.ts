import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { CheckWriteSchema } from '../../gen/turboci/v1/check_pb.js';
import {
  CheckState,
  DependencyCondition,
  NodeType,
  NodeView,
  Outcome,
  StageState,
} from '../../gen/turboci/v1/common_pb.js';
import type { StageWriteSchema } from '../../gen/turboci/v1/stage_pb.js';
import { type Served, serve } from '../fault/serve.ts';
import { createPlan, stageOf } from '../fault/stages.ts';
import { findViolations } from '../support/invariants.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';

type CheckWrite = MessageInitShape<typeof CheckWriteSchema>;
type StageWrite = MessageInitShape<typeof StageWriteSchema>;
type Api = Served['api'];

/** A write of this size takes half a second; it must not take minutes on a slow and busy machine. */
const PATIENCE = { timeout: 120_000 };
const NODES = 10_000;
const BASIC = NodeView.BASIC;
const result = { ownerType: 'test', ownerId: 'test', data: { ok: true } };

async function start(): Promise<{ readonly api: Api; readonly path: string; readonly workPlanId: string }> {
  const path = join(await scratchFolder(), 'turboci.db');
  const { api } = await serve(path);
  return { api, path, workPlanId: await createPlan(api) };
}

/*
 * The writes into the plans go by turns, so that whatever else the machine does meets all of them, and medians are
 * compared. Work in proportion to the stage's edges would cost the last plan about ten times what the others cost.
 */
test(
  'fan-in: to make a check FINAL costs the same, however many others a stage waits for with it',
  PATIENCE,
  async () => {
    const { api, path } = await start();
    const plain = await FanIn.create(api, 600, false);
    const six = await FanIn.create(api, 600);
    const twelve = await FanIn.create(api, 1200);
    const many = await FanIn.create(api, 6000);
    for (let round = 0; round < 600; round++) {
      for (const plan of [plain, six, twelve, twelve, many]) await plan.finalizeNext();
    }
    for (const plan of [six, twelve]) expect((await plan.stage()).state).toBe(StageState.ATTEMPTING);
    expect((await many.stage()).state).toBe(StageState.PLANNED);
    const cost = (plan: FanIn) => `${plan.median.toFixed(2)} ms a write, ${plan.total.toFixed(0)} ms in all`;
    console.log(
      `plain: ${cost(plain)}; fan-in of 600: ${cost(six)}; of 1,200: ${cost(twelve)}; of 6,000: ${cost(many)}`,
    );
    for (const plan of [six, twelve, many]) expect(plan.median / plain.median).toBeLessThan(2);
    expect(findViolations(path)).toEqual([]);
  },
);

test(`a write of ${NODES} nodes with 3 edges each, and the answer to a query for them`, PATIENCE, async () => {
  const { api, path, workPlanId } = await start();
  const dependsOn = (at: number) => [at - 1, at - 10, at - 100].filter((to) => to >= 0).map((to) => on(`n-${to}`));
  const checks = Array.from({ length: NODES }, (_, at): CheckWrite => {
    return { id: `n-${at}`, state: CheckState.PLANNED, dependencies: { dependencies: dependsOn(at) } };
  });
  const [written, writeMs] = await timed(() => api.writeNodes({ workPlanId, checks, responseView: BASIC }));
  expect(written.checks).toHaveLength(NODES);
  expect(written.checks[0]?.state).toBe(CheckState.WAITING);
  expect(written.checks.slice(1).every(({ state }) => state === CheckState.PLANNED)).toBe(true);
  const [found, queryMs] = await timed(() => api.queryNodes({ workPlanId }));
  expect(found.checks.map(({ id }) => id)).toEqual(checks.map(({ id }) => id));
  expect(found.checks.at(-1)?.dependencies?.dependencies).toHaveLength(3);
  console.log(`write of ${NODES} nodes with 3 edges each: ${writeMs.toFixed(0)} ms; query: ${queryMs.toFixed(0)} ms`);
  expect(findViolations(path)).toEqual([]);
});

test(
  `a chain of ${NODES} nodes resolves in the write that decides its head, and its cycle is found`,
  PATIENCE,
  async () => {
    const { api, path, workPlanId } = await start();
    // Checks and stages by turns: whoever needs the success of a failed check is skipped, and so on to the end.
    const name = (at: number) => (at % 2 === 0 ? `check-${at}` : `stage-${at}`);
    const need = (at: number) =>
      on(name(at), DependencyCondition.SUCCEEDED, at % 2 === 0 ? NodeType.CHECK : NodeType.STAGE);
    const checks: CheckWrite[] = [{ id: name(0) }];
    const stages: StageWrite[] = [];
    for (let at = 1; at < NODES; at++) {
      const dependencies = { dependencies: [need(at - 1)] };
      if (at % 2 === 0) checks.push({ id: name(at), state: CheckState.PLANNED, dependencies });
      else stages.push({ id: name(at), dependencies });
    }
    await api.writeNodes({ workPlanId, checks, stages, responseView: BASIC });
    const closing = { id: name(0), dependencies: { dependencies: [need(NODES - 1)] } };
    const cycle = await refusal(api.writeNodes({ workPlanId, checks: [closing] }));
    expect(cycle).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'DEPENDENCY_CYCLE' });

    const failed = { ...result, failure: { message: 'the head fails' } };
    const head = { id: name(0), state: CheckState.FINAL, result: failed };
    const [{ revision }, ms] = await timed(() => api.writeNodes({ workPlanId, checks: [head] }));
    const all = await api.queryNodes({ workPlanId, view: BASIC });
    const others = [...all.checks, ...all.stages].filter(({ id }) => id !== name(0));
    expect(others).toHaveLength(NODES - 1);
    expect(new Set(others.map(({ outcome }) => outcome))).toEqual(new Set([Outcome.SKIPPED]));
    expect(new Set(others.map((node) => node.revision))).toEqual(new Set([revision]));
    console.log(`chain of ${NODES} nodes resolved in one write: ${ms.toFixed(0)} ms`);
    expect(findViolations(path)).toEqual([]);
  },
);

test('2,000 nodes made FINAL in one write set free what waits for all of them', PATIENCE, async () => {
  const { api, path, workPlanId } = await start();
  const ids = Array.from({ length: 2000 }, (_, at) => `check-${at}`);
  const checks = ids.map((id) => ({ id, state: CheckState.PLANNED }));
  const stages = [{ id: 'waits', dependencies: { dependencies: ids.map((id) => on(id)) } }];
  await api.writeNodes({ workPlanId, checks, stages, responseView: BASIC });
  const finals = ids.map((id) => ({ id, state: CheckState.FINAL, result }));
  const [answer, ms] = await timed(() => api.writeNodes({ workPlanId, checks: finals }));
  expect(answer.checks.every(({ state, outcome }) => state === CheckState.FINAL && outcome === Outcome.SUCCEEDED)).toBe(
    true,
  );
  const waits = await stageOf(api, workPlanId, 'waits');
  expect(waits).toMatchObject({ state: StageState.ATTEMPTING, revision: answer.revision });
  console.log(`2,000 nodes made FINAL in one write: ${ms.toFixed(0)} ms`);
  expect(findViolations(path)).toEqual([]);
});

/** A plan of checks that are made FINAL one by one, with or without a stage that waits for all of them. */
class FanIn {
  readonly #api: Api;
  readonly #workPlanId: string;
  readonly #ms: number[] = [];

  private constructor(api: Api, workPlanId: string) {
    this.#api = api;
    this.#workPlanId = workPlanId;
  }

  static async create(api: Api, count: number, isWaiting = true): Promise<FanIn> {
    const workPlanId = await createPlan(api);
    const ids = Array.from({ length: count }, (_, at) => `check-${at}`);
    const stages = isWaiting ? [{ id: 'waits', dependencies: { dependencies: ids.map((id) => on(id)) } }] : [];
    const checks = ids.map((id) => ({ id, state: CheckState.PLANNED }));
    await api.writeNodes({ workPlanId, checks, stages, responseView: BASIC });
    return new FanIn(api, workPlanId);
  }

  async finalizeNext(): Promise<void> {
    const checks = [{ id: `check-${this.#ms.length}`, state: CheckState.FINAL, result }];
    const [, ms] = await timed(() => this.#api.writeNodes({ workPlanId: this.#workPlanId, checks }));
    this.#ms.push(ms);
  }

  stage(): ReturnType<typeof stageOf> {
    return stageOf(this.#api, this.#workPlanId, 'waits');
  }

  get median(): number {
    return this.#ms.toSorted((a, b) => a - b)[this.#ms.length >> 1] ?? Number.NaN;
  }

  get total(): number {
    return this.#ms.reduce((sum, ms) => sum + ms, 0);
  }
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const startedAt = performance.now();
  const value = await work();
  return [value, performance.now() - startedAt];
}

function on(targetId: string, condition = DependencyCondition.FINAL, targetType = NodeType.CHECK) {
  return { targetType, targetId, condition };
}
