import type { DescMessage, DescMethodUnary, DescService } from '@bufbuild/protobuf';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { Endpoints } from '../endpoint/endpoints.ts';
import type { UnaryRpc } from '../endpoint/rpc.ts';
import { encodeCompletion, encodeEvent } from './codec/event.ts';
import {
  decodeQueryNodes,
  decodeWatchWorkPlan,
  decodeWriteNodes,
  encodeQueryNodes,
  encodeWriteNodes,
} from './codec/nodes.ts';
import { decodeCancelStage, decodeRunStage, encodeCancelStage, encodeRunStage } from './codec/stage.ts';
import {
  decodeCancel,
  decodeCreate,
  decodeGet,
  decodeList,
  encodeCancel,
  encodeCreate,
  encodeGet,
  encodeWorkPlans,
} from './codec/work-plan.ts';
import { type Method, streamMethod, unaryMethod } from './method.ts';

/** The services that the server serves; StageRunner is the runners'. */
export const servedServices: readonly DescService[] = [TurboCIOrchestrator, TurboCIExecutor];

/** Every RPC of the endpoint table with its codec; an RPC of the contract that is missing does not compile. */
export function createMethods(endpoints: Endpoints): readonly Method[] {
  return [
    ...Object.values(orchestratorMethods(endpoints.orchestrator)),
    ...Object.values(executorMethods(endpoints.executor)),
  ];
}

function orchestratorMethods(rpc: Endpoints['orchestrator']) {
  const { method } = TurboCIOrchestrator;
  return {
    createWorkPlan: unaryMethod(method.createWorkPlan, rpc.createWorkPlan, decodeCreate, encodeCreate),
    getWorkPlan: unaryMethod(method.getWorkPlan, rpc.getWorkPlan, decodeGet, encodeGet),
    listWorkPlans: unaryMethod(method.listWorkPlans, rpc.listWorkPlans, decodeList, encodeWorkPlans),
    cancelWorkPlan: unaryMethod(method.cancelWorkPlan, rpc.cancelWorkPlan, decodeCancel, encodeCancel),
    writeNodes: unaryMethod(method.writeNodes, rpc.writeNodes, decodeWriteNodes, encodeWriteNodes),
    queryNodes: unaryMethod(method.queryNodes, rpc.queryNodes, decodeQueryNodes, encodeQueryNodes),
    watchWorkPlan: streamMethod(method.watchWorkPlan, rpc.watchWorkPlan, decodeWatchWorkPlan, (item) =>
      item.type === 'EVENT' ? encodeEvent(item.planId, item.event) : encodeCompletion(item),
    ),
    registerStageRunner: notImplemented(method.registerStageRunner, rpc.registerStageRunner),
    unregisterStageRunner: notImplemented(method.unregisterStageRunner, rpc.unregisterStageRunner),
    listStageRunners: notImplemented(method.listStageRunners, rpc.listStageRunners),
    updateStageExecution: notImplemented(method.updateStageExecution, rpc.updateStageExecution),
    completeStageExecution: notImplemented(method.completeStageExecution, rpc.completeStageExecution),
    acquireStageExecutions: notImplemented(method.acquireStageExecutions, rpc.acquireStageExecutions),
  } satisfies Readonly<Record<keyof typeof method, Method>>;
}

function executorMethods(rpc: Endpoints['executor']) {
  const { method } = TurboCIExecutor;
  return {
    runStage: unaryMethod(method.runStage, rpc.runStage, decodeRunStage, encodeRunStage),
    cancelStage: unaryMethod(method.cancelStage, rpc.cancelStage, decodeCancelStage, encodeCancelStage),
  } satisfies Readonly<Record<keyof typeof method, Method>>;
}

function notImplemented<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  rpc: UnaryRpc<never>,
) {
  return unaryMethod(
    desc,
    rpc,
    () => undefined,
    (response: never) => response,
  );
}
