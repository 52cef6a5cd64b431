import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import type { CheckView } from '../domain/check.ts';
import { invalidField } from '../domain/error.ts';
import type { Limits } from '../domain/limits.ts';
import type { Clock } from '../domain/ports.ts';
import type { StageView } from '../domain/stage.ts';
import type { NodeReader, NodeSelector } from '../storage/node-reader.ts';
import type { Storage, UnitOfWork } from '../storage/storage.ts';
import { type Editor, planNotFound } from './edit/editor.ts';
import type { PlanEdit } from './edit/plan-edit.ts';
import { newCheckView, newStageView } from './edit/written-views.ts';
import { idempotent, recall, remember } from './idempotency.ts';
import type { CallContext } from './orchestrator.ts';
import { pageToken, readPageToken } from './page-token.ts';
import type { QueryNodesRequest, QueryNodesResponse, WriteNodesRequest, WriteNodesResponse } from './requests.ts';
import { versionMismatch } from './write/refusals.ts';
import type { WriteRules } from './write/write-context.ts';
import { applyWrite } from './write/write-nodes.ts';

export type NodesDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly rules: WriteRules;
};

/** Writes and queries the nodes of plans. */
export class Nodes {
  readonly #deps: NodesDeps;

  constructor(deps: NodesDeps) {
    this.#deps = deps;
  }

  /** Applies a write in one unit of work; answers its nodes as stored after all advances. */
  write(ctx: CallContext, request: WriteNodesRequest): Promise<WriteNodesResponse> {
    const { editor, clock, rules } = this.#deps;
    const { workPlanId, reason, attempt } = request;
    const repeatable = idempotent('WriteNodes', workPlanId, request);
    const actor = attempt === undefined ? 'writer' : `attempt:${attempt.stageId}:${attempt.attemptIdx}`;
    return editor.edit<PlanEdit, WriteNodesResponse>(
      workPlanId,
      { actor, reason },
      {
        replay: async (uow) => {
          const earlier = await recall(uow, repeatable, clock.now());
          return earlier === undefined ? undefined : readWritten(uow, request, earlier.revision);
        },
        change: async (edit) => {
          assertPlanVersion(edit.before.version, request.expectedPlanVersion);
          await applyWrite(edit, request, rules);
          return edit;
        },
        answer: async ({ plan }, edit, uow) => {
          await remember(uow, repeatable, workPlanId, plan.version, clock.now());
          return newNodes(edit, request, plan.version) ?? readWritten(uow, request, plan.version);
        },
      },
      { signal: ctx.signal },
    );
  }

  /** Answers a page of nodes, all as of one revision. */
  async query(ctx: CallContext, request: QueryNodesRequest): Promise<QueryNodesResponse> {
    const { workPlanId, pageSize, pageToken: token, ...filter } = request;
    const binding = { workPlanId, ...filter };
    const position = positionOf(readPageToken(binding, token));
    const limit = pageSize === 0 ? undefined : Math.min(pageSize, this.#deps.limits.pageSize);
    const { checks, stages, next, revision } = await this.#readSteady(ctx, request, position, limit);
    const nextPageToken = next === undefined ? '' : pageToken(binding, [next.kind, next.after]);
    return { checks, stages, nextPageToken, revision };
  }

  /**
   * Reads a page in slices, so that other calls are answered in between. A plan that changes meanwhile is read anew, at
   * last in one go. Nodes that are asked for by id are looked up in one go as well.
   */
  async #readSteady(
    ctx: CallContext,
    request: QueryNodesRequest,
    from: NodePosition,
    limit: number | undefined,
  ): Promise<RevisionPage> {
    const hasIds = request.checkIds.length + request.stageIds.length > 0;
    for (let left = hasIds ? 0 : SLICED_READS; left > 0; left--) {
      const page = await this.#readSliced(ctx, request, from, limit);
      if (page !== undefined) return page;
    }
    return this.#readAtOnce(request, from, limit);
  }

  /** Undefined when the plan changed between two slices. */
  async #readSliced(
    ctx: CallContext,
    request: QueryNodesRequest,
    from: NodePosition,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<RevisionPage | undefined> {
    const checks: CheckView[] = [];
    const stages: StageView[] = [];
    let slice = await this.#readAtOnce(request, from, Math.min(limit, SLICE_NODES));
    const { revision } = slice;
    for (;;) {
      checks.push(...slice.checks);
      stages.push(...slice.stages);
      const { next } = slice;
      const room = limit - checks.length - stages.length;
      if (next === undefined || room === 0) return { checks, stages, next, revision };
      await nextLoopTurn();
      ctx.signal.throwIfAborted();
      slice = await this.#readAtOnce(request, next, Math.min(room, SLICE_NODES));
      if (slice.revision !== revision) return undefined;
    }
  }

  #readAtOnce(request: QueryNodesRequest, from: NodePosition, limit: number | undefined): Promise<RevisionPage> {
    const { workPlanId } = request;
    return this.#deps.storage.read(async (snapshot) => {
      const plan = await snapshot.workPlans.get(workPlanId);
      if (plan === undefined) throw planNotFound(workPlanId);
      return { ...(await readPage(snapshot.nodes, request, from, limit)), revision: plan.version };
    });
  }
}

/** Nodes that are read in one turn of the event loop: some milliseconds. */
const SLICE_NODES = 1000;

/** How often a plan that is written all the time is read in slices before it is read in one go. */
const SLICED_READS = 3;

function assertPlanVersion(actual: number, expected: number | undefined): void {
  if (expected === undefined || expected === actual) return;
  throw versionMismatch(`the plan has version ${actual}, not ${expected}: read it again`, expected, actual);
}

async function readWritten(uow: UnitOfWork, request: WriteNodesRequest, revision: number): Promise<WriteNodesResponse> {
  const { workPlanId, responseView } = request;
  const checkIds = request.checks.map(({ id }) => id);
  const stageIds = request.stages.map(({ id }) => id);
  const checks = checkIds.length === 0 ? [] : await uow.nodes.checks(workPlanId, byIds(checkIds), responseView);
  const stages = stageIds.length === 0 ? [] : await uow.nodes.stages(workPlanId, byIds(stageIds), responseView);
  return {
    checks: inOrder(
      checkIds,
      checks.map(({ node }) => node),
    ),
    stages: inOrder(
      stageIds,
      stages.map(({ node }) => node),
    ),
    revision,
  };
}

/** The answer to a write that does nothing but create: reading it back would cost a tenth of the write. */
function newNodes(edit: PlanEdit, request: WriteNodesRequest, revision: number): WriteNodesResponse | undefined {
  const checks: CheckView[] = [];
  for (const { id } of request.checks) {
    const check = newCheckView(edit, id, request.responseView);
    if (check === undefined) return undefined;
    checks.push(check);
  }
  const stages: StageView[] = [];
  for (const { id } of request.stages) {
    const stage = newStageView(edit, id, request.responseView);
    if (stage === undefined) return undefined;
    stages.push(stage);
  }
  return { checks, stages, revision };
}

function byIds(ids: readonly string[]): NodeSelector<never> {
  return { ids, states: [], after: 0, limit: undefined };
}

function inOrder<Node extends { readonly id: string }>(ids: readonly string[], nodes: readonly Node[]): Node[] {
  const found = new Map(nodes.map((node) => [node.id, node]));
  return ids.map((id) => found.get(id)).filter((node) => node !== undefined);
}

/** Where a page of nodes continues: checks come first, then stages. */
type NodePosition = { readonly kind: 'check' | 'stage'; readonly after: number };

type NodePage = {
  readonly checks: readonly CheckView[];
  readonly stages: readonly StageView[];
  readonly next: NodePosition | undefined;
};

/** A page and the plan's revision that all of it shows. */
type RevisionPage = NodePage & { readonly revision: number };

async function readPage(
  nodes: NodeReader,
  request: QueryNodesRequest,
  from: NodePosition,
  limit: number | undefined,
): Promise<NodePage> {
  const { workPlanId, view } = request;
  // One more than asked tells whether there is a next page.
  const fetch = limit === undefined ? undefined : limit + 1;
  const wantsChecks = request.includeChecks && from.kind === 'check';
  const checks = wantsChecks
    ? await nodes.checks(
        workPlanId,
        { ids: request.checkIds, states: request.checkStates, after: from.after, limit: fetch },
        view,
      )
    : [];
  if (limit !== undefined && checks.length > limit) {
    const page = checks.slice(0, limit);
    return {
      checks: page.map(({ node }) => node),
      stages: [],
      next: { kind: 'check', after: page.at(-1)?.position ?? 0 },
    };
  }
  const after = from.kind === 'stage' ? from.after : 0;
  const room = fetch === undefined ? undefined : fetch - checks.length;
  const stages = request.includeStages
    ? await nodes.stages(workPlanId, { ids: request.stageIds, states: request.stageStates, after, limit: room }, view)
    : [];
  const isMore = limit !== undefined && checks.length + stages.length > limit;
  const page = isMore ? stages.slice(0, limit - checks.length) : stages;
  return {
    checks: checks.map(({ node }) => node),
    stages: page.map(({ node }) => node),
    next: isMore ? { kind: 'stage', after: page.at(-1)?.position ?? after } : undefined,
  };
}

function positionOf(position: readonly (string | number)[] | undefined): NodePosition {
  if (position === undefined) return { kind: 'check', after: 0 };
  const [kind, after] = position;
  if ((kind === 'check' || kind === 'stage') && typeof after === 'number') return { kind, after };
  throw invalidField(['pageToken'], 'the page token is damaged', 'BAD_PAGE_TOKEN');
}
