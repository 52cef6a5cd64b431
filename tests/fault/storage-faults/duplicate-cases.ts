import { type DescMessage, type DescMethod, type MessageShape, toJson } from '@bufbuild/protobuf';
import { CheckState, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { Served } from '../serve.ts';

/** How the second request comes: after the answer to the first, while it is under way, or to the next server process. */
export const modes = ['AFTER_THE_FIRST', 'TOGETHER', 'AFTER_A_RESTART'] as const;
export type Mode = (typeof modes)[number];

/** An answer as JSON, or the code of a refusal. */
export type Reply = { readonly answer: unknown } | { readonly code: string };

/** What the scene of one request consists of; `name` is its own in whatever all plans share. */
export type Scene = { readonly name: string; readonly mode: Mode; readonly api: () => Served['api'] };

/** A scene that has been set. */
export type Act = {
  /** Sends the request; each time the very same one. */
  readonly send: () => Promise<unknown>;
  /** All that the request may have changed. */
  readonly look: () => Promise<unknown>;
};

export type DuplicateCase = {
  readonly method: DescMethod;
  readonly set: (scene: Scene) => Promise<Act>;
  /** What the duplicate is answered: the same (semantics 13), a refusal, or what is said of `judge`. */
  readonly repeated: 'SAME' | { readonly code: string } | { readonly judge: (first: Reply, second: Reply) => boolean };
};

const { method: on } = TurboCIOrchestrator;
const { method: at } = TurboCIExecutor;

/** RPCs that change nothing: there is nothing to repeat. */
export const readers: readonly DescMethod[] = [
  on.getWorkPlan,
  on.listWorkPlans,
  on.queryNodes,
  on.watchWorkPlan,
  on.listStageRunners,
];

/** The request that keeps the one place for builtin executions: whatever is written after it stays PENDING. */
export const hog = { id: 'hog', runnerType: 'builtin/noop', args: { delay: '1h' } };

export const duplicateCases: readonly DuplicateCase[] = [
  {
    method: on.createWorkPlan,
    set: async ({ name, api }) => ({
      send: async () => json(on.createWorkPlan, await api().createWorkPlan({ metadata: { name }, requestId: name })),
      look: async () => json(on.listWorkPlans, await api().listWorkPlans({ metadata: { name } })),
    }),
    repeated: 'SAME',
  },
  {
    method: on.writeNodes,
    set: async ({ name, api }) => {
      const workPlanId = await newPlan(api(), { stages: [{ id: 'parent' }] });
      const write = {
        workPlanId,
        requestId: name,
        checks: [{ id: 'c', state: CheckState.PLANNED, result: { ownerType: 'test', ownerId: 'me', data: { a: 1 } } }],
        stages: [
          { id: 'parent', currentAttempt: { processUid: 'me', progress: { message: 'once' }, details: { a: 1 } } },
          { id: 'child' },
        ],
        attempt: { stageId: 'parent', attemptIdx: 1 },
      };
      return {
        send: async () => json(on.writeNodes, await api().writeNodes(write)),
        look: () => planOf(api(), workPlanId),
      };
    },
    repeated: 'SAME',
  },
  {
    method: on.cancelWorkPlan,
    set: async ({ api }) => {
      const workPlanId = await newPlan(api(), { checks: [{ id: 'c' }], stages: [{ id: 's' }] });
      return {
        send: async () => json(on.cancelWorkPlan, await api().cancelWorkPlan({ id: workPlanId, reason: 'enough' })),
        look: () => planOf(api(), workPlanId),
      };
    },
    repeated: 'SAME',
  },
  {
    method: at.cancelStage,
    set: async ({ api }) => {
      const workPlanId = await newPlan(api(), { stages: [{ id: 's' }, { id: 'other' }] });
      const cancel = { workPlanId, stageId: 's', reason: 'enough' };
      return {
        send: async () => json(at.cancelStage, await api().cancelStage(cancel)),
        look: () => planOf(api(), workPlanId),
      };
    },
    repeated: 'SAME',
  },
  {
    method: at.runStage,
    set: async ({ api }) => {
      const stage = { ...hog, id: 's', executionPolicy: { maxAttempts: 1 } };
      const workPlanId = await newPlan(api(), { stages: [stage] });
      return {
        send: async () => json(at.runStage, await api().runStage({ workPlanId, stageId: 's' })),
        look: () => planOf(api(), workPlanId),
      };
    },
    // What runs already is left alone; what has ended, as the attempt of a dead server has, can not be run.
    repeated: {
      judge: (first, second) => same(first, second) || ('code' in second && second.code === 'FAILED_PRECONDITION'),
    },
  },
  {
    method: on.registerStageRunner,
    set: async ({ name, api }) => ({
      send: async () => json(on.registerStageRunner, await register(api(), name)),
      look: () => runnersOf(api(), name),
    }),
    repeated: 'SAME',
  },
  {
    method: on.unregisterStageRunner,
    set: async ({ name, api }) => {
      const { registrationId } = await register(api(), name);
      return {
        send: async () => json(on.unregisterStageRunner, await api().unregisterStageRunner({ registrationId })),
        look: () => runnersOf(api(), name),
      };
    },
    // The registration is no more, whoever ended it.
    repeated: { code: 'NOT_FOUND' },
  },
  {
    method: on.updateStageExecution,
    set: async (scene) => {
      const { executionId, look, api } = await acquired(scene);
      // Without a message: each of those is an entry of its own.
      const update = { executionId, progressPercent: 40, details: { a: 1 } };
      return { send: async () => json(on.updateStageExecution, await api().updateStageExecution(update)), look };
    },
    repeated: 'SAME',
  },
  {
    method: on.completeStageExecution,
    set: async (scene) => {
      const { executionId, look, api } = await acquired(scene);
      const complete = {
        executionId,
        stageState: StageState.FINAL,
        checkUpdates: [{ checkId: 'c', state: CheckState.FINAL, resultData: { a: 1 } }],
        details: { a: 1 },
      };
      return { send: async () => json(on.completeStageExecution, await api().completeStageExecution(complete)), look };
    },
    repeated: 'SAME',
  },
  {
    method: on.acquireStageExecutions,
    set: async (scene) => {
      const { name, api, mode } = scene;
      await register(api(), name);
      // Two calls at a time may well get two attempts; one after the other gets what the first got.
      const ids = mode === 'TOGETHER' ? ['s'] : ['s', 'other'];
      const workPlanId = await newPlan(api(), { stages: ids.map((id) => ({ id, runnerType: name })) });
      const acquire = { runnerId: name, runnerTypes: [name], maxExecutions: 1 };
      return {
        send: async () => json(on.acquireStageExecutions, await api().acquireStageExecutions(acquire)),
        look: async () => [await planOf(api(), workPlanId), await runnersOf(api(), name)],
      };
    },
    repeated: { judge: (first, second) => same(first, second) || isNothing(first) !== isNothing(second) },
  },
];

function same(first: Reply, second: Reply): boolean {
  return JSON.stringify(first) === JSON.stringify(second);
}

/** Of two Acquire calls at a time one gets the attempt, the other nothing. */
function isNothing(reply: Reply): boolean {
  return JSON.stringify(reply) === JSON.stringify({ answer: {} });
}

type NewNodes = Omit<Parameters<Served['api']['writeNodes']>[0], '$typeName' | 'workPlanId'>;

async function newPlan(api: Served['api'], nodes: NewNodes): Promise<string> {
  const { workPlan } = await api.createWorkPlan({});
  const workPlanId = workPlan?.id ?? '';
  await api.writeNodes({ ...nodes, workPlanId });
  return workPlanId;
}

function register(api: Served['api'], name: string) {
  return api.registerStageRunner({ runnerId: name, runnerType: name, metadata: { name } });
}

/** A stage whose attempt a runner of the scene has acquired. */
async function acquired({ name, api }: Scene) {
  await register(api(), name);
  const stage = { id: 's', runnerType: name, assignments: [{ targetCheckId: 'c' }] };
  const workPlanId = await newPlan(api(), { checks: [{ id: 'c', state: CheckState.PLANNED }], stages: [stage] });
  const { executions } = await api().acquireStageExecutions({ runnerId: name, runnerTypes: [name], maxExecutions: 1 });
  const executionId = executions[0]?.executionId ?? '';
  return { executionId, api, look: () => planOf(api(), workPlanId) };
}

/** The plan, its nodes, and its history by its version. */
async function planOf(api: Served['api'], id: string): Promise<unknown> {
  return [
    json(on.getWorkPlan, await api.getWorkPlan({ id })),
    json(on.queryNodes, await api.queryNodes({ workPlanId: id, includeChecks: true, includeStages: true })),
  ];
}

async function runnersOf(api: Served['api'], runnerType: string): Promise<unknown> {
  return json(on.listStageRunners, await api.listStageRunners({ runnerType }));
}

function json<O extends DescMessage>(method: { readonly output: O }, message: MessageShape<O>): unknown {
  return toJson(method.output, message);
}
