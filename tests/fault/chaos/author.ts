import { setTimeout as delay } from 'node:timers/promises';
import { NodeView } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import { persist, type Reply } from '../../execution/runner/reports.ts';
import type { TestClient } from '../../support/client.ts';
import type { Dice } from '../dice.ts';
import { followPlan } from './follow.ts';
import type { Nodes } from './growing-plan.ts';
import type { Cancellation, PlanScript } from './random-plan.ts';

const { method } = TurboCIOrchestrator;

/** A plan from its author's side: its id, and the ends of its nodes as the author was told of them. */
export type FollowedPlan = { readonly planId: string; readonly ends: readonly string[] };

/** Writes one plan, sees it through and tells how it ended. Every request is sent until it is answered. */
export class Author {
  readonly #client: TestClient;
  readonly #dice: Dice;

  constructor(client: TestClient, dice: Dice) {
    this.#client = client;
    this.#dice = dice;
  }

  async see({ key, writes, cancellation }: PlanScript): Promise<FollowedPlan> {
    const planId = await this.#create(key);
    for (const [index, nodes] of writes.entries()) await this.#write(planId, `${key}/${index}`, nodes);
    const [ends] = await Promise.all([followPlan(this.#client, planId), this.#cancel(planId, cancellation)]);
    return { planId, ends };
  }

  async #create(requestId: string): Promise<string> {
    const call = () =>
      taken(
        persist((init) => this.#client.call(method.createWorkPlan, { requestId, metadata: { key: requestId } }, init)),
      );
    const { workPlan } = await call();
    const again = this.#dice.chance(0.1) ? (await call()).workPlan : workPlan;
    if (workPlan === undefined || again?.id !== workPlan.id) throw new Error(`${requestId} was created twice`);
    return workPlan.id;
  }

  async #write(workPlanId: string, requestId: string, nodes: Nodes): Promise<void> {
    const request = { workPlanId, requestId, reason: requestId, ...nodes, responseView: NodeView.BASIC };
    const call = () => taken(persist((init) => this.#client.call(method.writeNodes, request, init)));
    const { revision } = await call();
    if (!this.#dice.chance(0.1)) return;
    const again = (await call()).revision;
    if (again !== revision) throw new Error(`${requestId} was revision ${revision} and is ${again}`);
  }

  async #cancel(workPlanId: string, cancellation: Cancellation | undefined): Promise<void> {
    if (cancellation === undefined) return;
    const { afterMs, stageId } = cancellation;
    await delay(afterMs);
    const call = (init: { deadline: number }) =>
      stageId === undefined
        ? this.#client.call(method.cancelWorkPlan, { id: workPlanId, reason: 'enough' }, init)
        : this.#client.call(TurboCIExecutor.method.cancelStage, { workPlanId, stageId, reason: 'enough' }, init);
    await taken(persist<unknown>(call));
  }
}

/** The answer to a request that must be accepted. */
async function taken<T>(reply: Promise<Reply<T>>): Promise<T> {
  const { outcome, reason, response } = await reply;
  if (response === undefined) throw new Error(`a request was refused: ${outcome} ${reason}`);
  return response;
}
