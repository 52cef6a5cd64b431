import type { DescService } from '@bufbuild/protobuf';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { Endpoints } from '../endpoint/endpoints.ts';
import { encodeCompletion, encodeEvent } from './codec/event.ts';
import {
  decodeAcquire,
  decodeComplete,
  decodeUpdate,
  encodeAcquire,
  encodeComplete,
  encodeUpdate,
} from './codec/execution.ts';
import {
  decodeQueryNodes,
  decodeWatchWorkPlan,
  decodeWriteNodes,
  encodeQueryNodes,
  encodeWriteNodes,
} from './codec/nodes.ts';
import {
  decodeListRunners,
  decodeRegister,
  decodeUnregister,
  encodeRegister,
  encodeRunners,
  encodeUnregister,
} from './codec/runner.ts';
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
import { Gate } from './gate.ts';
import { gated, largeUnaryMethod, type Method, streamMethod, unaryMethod } from './method.ts';

/** The services that the server serves; StageRunner is the runners'. */
export const servedServices: readonly DescService[] = [TurboCIOrchestrator, TurboCIExecutor];

/** Queries that are being answered: each may hold a whole plan. Answers that wait for their readers are bounded elsewhere. */
const QUERIES_AT_A_TIME = 4;

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
    writeNodes: largeUnaryMethod(method.writeNodes, rpc.writeNodes, decodeWriteNodes, encodeWriteNodes),
    queryNodes: gated(
      largeUnaryMethod(method.queryNodes, rpc.queryNodes, decodeQueryNodes, encodeQueryNodes),
      new Gate(QUERIES_AT_A_TIME),
    ),
    watchWorkPlan: streamMethod(method.watchWorkPlan, rpc.watchWorkPlan, decodeWatchWorkPlan, (item) =>
      item.type === 'EVENT' ? encodeEvent(item.planId, item.event) : encodeCompletion(item),
    ),
    registerStageRunner: unaryMethod(
      method.registerStageRunner,
      rpc.registerStageRunner,
      decodeRegister,
      encodeRegister,
    ),
    unregisterStageRunner: unaryMethod(
      method.unregisterStageRunner,
      rpc.unregisterStageRunner,
      decodeUnregister,
      encodeUnregister,
    ),
    listStageRunners: unaryMethod(method.listStageRunners, rpc.listStageRunners, decodeListRunners, encodeRunners),
    updateStageExecution: unaryMethod(
      method.updateStageExecution,
      rpc.updateStageExecution,
      decodeUpdate,
      encodeUpdate,
    ),
    completeStageExecution: unaryMethod(
      method.completeStageExecution,
      rpc.completeStageExecution,
      decodeComplete,
      encodeComplete,
    ),
    acquireStageExecutions: unaryMethod(
      method.acquireStageExecutions,
      rpc.acquireStageExecutions,
      decodeAcquire,
      encodeAcquire,
    ),
  } satisfies Readonly<Record<keyof typeof method, Method>>;
}

function executorMethods(rpc: Endpoints['executor']) {
  const { method } = TurboCIExecutor;
  return {
    runStage: unaryMethod(method.runStage, rpc.runStage, decodeRunStage, encodeRunStage),
    cancelStage: unaryMethod(method.cancelStage, rpc.cancelStage, decodeCancelStage, encodeCancelStage),
  } satisfies Readonly<Record<keyof typeof method, Method>>;
}
