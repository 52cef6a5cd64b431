import { advance } from './advance.ts';
import { cancelPlan, cancelStage } from './cancellation.ts';
import { canonical } from './json.ts';
import { refuse } from './refusal.ts';
import type { WriteNodes } from './requests.ts';
import { type Plan, type Remembered, stageOf, type World } from './state.ts';
import { fireOne } from './timers.ts';
import { writeNodes } from './write-nodes.ts';

/** The requests that any client may make. Each changes the draft that it is given, or refuses by exception. */

const REQUEST_MEMORY_MS = 24 * 3_600_000;

export function planOf(world: World, id: string): Plan {
  return world.plans.find((plan) => plan.id === id) ?? refuse('WORK_PLAN_NOT_FOUND', `no plan ${id}`);
}

export function createPlan(world: World, id: string): void {
  world.plans.push({ id, state: 'ACTIVE', outcome: undefined, version: 1, marksAt: undefined, checks: [], stages: [] });
}

/** Section 13: a repeated request_id has no second effect; one that was refused is not remembered. */
export function write(world: World, request: WriteNodes): void {
  const plan = planOf(world, request.workPlanId);
  const { requestId } = request;
  const body = canonical(request);
  const known = rememberedAs(world, plan.id, requestId);
  if (known !== undefined) {
    if (known.body !== body) refuse('REQUEST_ID_REUSED', `request_id ${requestId}`);
    return;
  }
  writeNodes(plan, request, world.now);
  if (requestId === '') return;
  world.requests = world.requests.filter(({ at }) => at > world.now - REQUEST_MEMORY_MS);
  world.requests.push({ planId: plan.id, requestId, body, at: world.now });
}

/** The request that a plan still knows under an id. */
export function rememberedAs(world: World, planId: string, requestId: string): Remembered | undefined {
  return world.requests.find(
    (earlier) =>
      earlier.planId === planId && earlier.requestId === requestId && earlier.at > world.now - REQUEST_MEMORY_MS,
  );
}

export function cancelWorkPlan(world: World, id: string): void {
  const plan = planOf(world, id);
  cancelPlan(plan, world.now);
  advance(plan, world.now);
}

export function cancelOneStage(world: World, planId: string, stageId: string): void {
  const plan = planOf(world, planId);
  cancelStage(plan, stageOf(plan, stageId) ?? refuse('STAGE_NOT_FOUND', `no stage ${stageId}`), world.now);
  advance(plan, world.now);
}

/** One thing that is due by now; false = nothing is. */
export function fire(world: World): boolean {
  return world.plans.some((plan) => fireOne(plan, world.now, world.now < world.patientUntil));
}
