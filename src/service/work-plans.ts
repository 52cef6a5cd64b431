import { invalidField } from '../domain/error.ts';
import type { PlanEvent } from '../domain/event.ts';
import type { Limits } from '../domain/limits.ts';
import { emptyCounts } from '../domain/plan-state.ts';
import type { Clock, Ids } from '../domain/ports.ts';
import type { WorkPlan } from '../domain/work-plan.ts';
import type { Storage } from '../storage/storage.ts';
import type { WorkPlanCursor } from '../storage/work-plan-repository.ts';
import { cancelPlan } from './edit/cancel.ts';
import { type Editor, planNotFound } from './edit/editor.ts';
import { planChange } from './edit/save.ts';
import { idempotent, recall, remember } from './idempotency.ts';
import type { CallContext } from './orchestrator.ts';
import { pageToken, readPageToken } from './page-token.ts';
import type {
  CancelWorkPlanRequest,
  CreateWorkPlanRequest,
  GetWorkPlanRequest,
  ListWorkPlansRequest,
  ListWorkPlansResponse,
} from './requests.ts';

const DEFAULT_LIST_PAGE = 100;

export type WorkPlansDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
};

/** Creates, reads and cancels plans. */
export class WorkPlans {
  readonly #deps: WorkPlansDeps;

  constructor(deps: WorkPlansDeps) {
    this.#deps = deps;
  }

  create(ctx: CallContext, request: CreateWorkPlanRequest): Promise<WorkPlan> {
    const { storage, clock, ids, editor } = this.#deps;
    const repeatable = idempotent('CreateWorkPlan', '', request);
    const id = ids.workPlan();
    return storage.write(
      async (uow) => {
        const now = clock.now();
        const earlier = await recall(uow, repeatable, now);
        if (earlier !== undefined) {
          const created = await uow.workPlans.get(earlier.planId);
          if (created !== undefined) return created;
        }
        const plan = newPlan(id, request.metadata, now);
        const event = creationEvent(plan);
        await uow.workPlans.insert(plan);
        const sizes = await uow.events.append(plan.id, [event]);
        await remember(uow, repeatable, plan.id, plan.version, now);
        editor.announce(uow, { plan, events: [event], sizes });
        return plan;
      },
      { signal: ctx.signal },
    );
  }

  get(_ctx: CallContext, { id }: GetWorkPlanRequest): Promise<WorkPlan> {
    return this.#deps.storage.read(async (snapshot) => {
      const plan = await snapshot.workPlans.get(id);
      if (plan === undefined) throw planNotFound(id);
      return plan;
    });
  }

  list(_ctx: CallContext, request: ListWorkPlansRequest): Promise<ListWorkPlansResponse> {
    const { storage, limits } = this.#deps;
    const filter = { states: request.states, metadata: request.metadata };
    const after = cursorOf(readPageToken(filter, request.pageToken));
    const size = Math.min(request.pageSize || DEFAULT_LIST_PAGE, limits.pageSize);
    return storage.read(async (snapshot) => {
      const found = await snapshot.workPlans.list(filter, after, size + 1);
      const workPlans = found.slice(0, size);
      const last = workPlans.at(-1);
      const nextPageToken = found.length > size && last ? pageToken(filter, [last.createdAt, last.id]) : '';
      return { workPlans, nextPageToken };
    });
  }

  cancel(ctx: CallContext, { id, reason }: CancelWorkPlanRequest): Promise<WorkPlan> {
    return this.#deps.editor.edit(
      id,
      { actor: 'writer', reason },
      { change: (edit) => cancelPlan(edit, reason), answer: async ({ plan }) => plan },
      { signal: ctx.signal },
    );
  }
}

function newPlan(id: string, metadata: Readonly<Record<string, string>>, now: number): WorkPlan {
  return {
    id,
    state: 'ACTIVE',
    outcome: undefined,
    version: 1,
    metadata,
    counts: emptyCounts,
    createdAt: now,
    updatedAt: now,
    cancelledAt: undefined,
    cancelReason: '',
  };
}

function creationEvent(plan: WorkPlan): PlanEvent {
  return {
    type: 'PLAN',
    nodeId: '',
    revision: plan.version,
    seq: 1,
    at: plan.createdAt,
    actor: 'writer',
    reason: '',
    oldState: undefined,
    newState: plan.state,
    change: { ...planChange(plan), metadata: plan.metadata },
  };
}

function cursorOf(position: readonly (string | number)[] | undefined): WorkPlanCursor | undefined {
  if (position === undefined) return undefined;
  const [createdAt, id] = position;
  if (typeof createdAt === 'number' && typeof id === 'string') return { createdAt, id };
  throw invalidField(['pageToken'], 'the page token is damaged', 'BAD_PAGE_TOKEN');
}
