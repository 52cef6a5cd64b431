import { advance } from './advance.ts';
import { cancelPlan, cancelStage } from './cancellation.ts';
import { canonical } from './json.ts';
import { refuse } from './refusal.ts';
import type { WriteNodes } from './requests.ts';
import { type Plan, stageOf, type World } from './state.ts';
import { fireOne } from './timers.ts';
import { writeNodes } from './write-nodes.ts';

/** The requests that any client may make. Each changes the draft that it is given, or refuses by exception. */

const REQUEST_MEMORY_MS = 24 * 3_600_000;

export function planOf(world: World, id: string): Plan {
  return world.plans.find((plan) => plan.id === id) ?? refuse('NOT_FOUND', `no plan ${id}`);
}

export function createPlan(world: World, id: string): void {
  world.plans.push({ id, state: 'ACTIVE', outcome: undefined, version: 1, marksAt: undefined, checks: [], stages: [] });
}

/** Section 13: a repeated request_id has no second effect; one that was refused is not remembered. */
export function write(world: World, request: WriteNodes): void {
  const plan = planOf(world, request.workPlanId);
  const { requestId } = request;
  const body = canonical(request);
  const known = world.requests.find((earlier) => earlier.planId === plan.id && earlier.requestId === requestId);
  if (known !== undefined && known.at > world.now - REQUEST_MEMORY_MS) {
    if (known.body !== body) refuse('ALREADY_EXISTS', `request_id ${requestId}`);
    return;
  }
  writeNodes(plan, request, world.now);
  if (requestId === '') return;
  world.requests = world.requests.filter((earlier) => earlier !== known);
  world.requests.push({ planId: plan.id, requestId, body, at: world.now });
}

export function cancelWorkPlan(world: World, id: string): void {
  const plan = planOf(world, id);
  cancelPlan(plan, world.now);
  advance(plan, world.now);
}

export function cancelOneStage(world: World, planId: string, stageId: string): void {
  const plan = planOf(world, planId);
  cancelStage(plan, stageOf(plan, stageId) ?? refuse('NOT_FOUND', `no stage ${stageId}`), world.now);
  advance(plan, world.now);
}

/** One thing that is due by now; false = nothing is. */
export function fire(world: World): boolean {
  return world.plans.some((plan) => fireOne(plan, world.now));
}
