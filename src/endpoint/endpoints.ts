import type { z } from 'zod';
import type { Limits } from '../domain/limits.ts';
import type { Logger } from '../domain/logger.ts';
import type { Clock, Ids } from '../domain/ports.ts';
import type { CallContext, Orchestrator, WatchSubscription } from '../service/orchestrator.ts';
import type { Endpoint } from './endpoint.ts';
import { wrap } from './endpoint.ts';
import { accessLog } from './middleware/log.ts';
import { recover } from './middleware/recover.ts';
import { recoverStream } from './middleware/recover-stream.ts';
import { validate } from './middleware/validate.ts';
import type { Idempotency, StreamRpc, UnaryRpc } from './rpc.ts';
import { executionSchemas } from './schema/execution.ts';
import { executorSchemas } from './schema/executor.ts';
import { queryNodesSchema } from './schema/query-nodes.ts';
import { runnerRegistrySchemas } from './schema/runner-registry.ts';
import { watchWorkPlanSchema } from './schema/watch-work-plan.ts';
import { workPlanSchemas } from './schema/work-plan.ts';
import { writeNodesSchema } from './schema/write-nodes.ts';

export type EndpointDeps = {
  readonly orchestrator: Orchestrator;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  /** Deadline of calls whose caller set none, in milliseconds; transports keep it. */
  readonly defaultDeadlineMs: number;
};

/** Every RPC that the server serves, by service and name: what each transport is built from. */
export type Endpoints = ReturnType<typeof createEndpoints>;

/**
 * The one table of all RPCs. StageRunner is not in it: runners serve it and the server calls it.
 */
export function createEndpoints(deps: EndpointDeps) {
  const { orchestrator, limits } = deps;
  const plan = workPlanSchemas(limits);
  const stage = executorSchemas(limits);
  const runner = runnerRegistrySchemas(limits);
  const execution = executionSchemas(limits);
  const { unary, patient, stream } = rpcBuilder(deps);
  return {
    orchestrator: {
      createWorkPlan: unary('BY_REQUEST_ID', plan.create, (ctx, req) => orchestrator.createWorkPlan(ctx, req)),
      getWorkPlan: unary('READ', plan.get, (ctx, req) => orchestrator.getWorkPlan(ctx, req)),
      listWorkPlans: unary('READ', plan.list, (ctx, req) => orchestrator.listWorkPlans(ctx, req)),
      cancelWorkPlan: unary('IDEMPOTENT', plan.cancel, (ctx, req) => orchestrator.cancelWorkPlan(ctx, req)),
      writeNodes: unary('BY_REQUEST_ID', writeNodesSchema(limits), (ctx, req) => orchestrator.writeNodes(ctx, req)),
      queryNodes: unary('READ', queryNodesSchema(limits), (ctx, req) => orchestrator.queryNodes(ctx, req)),
      watchWorkPlan: stream('READ', watchWorkPlanSchema(limits), (ctx, req) => orchestrator.watchWorkPlan(ctx, req)),
      registerStageRunner: unary('IDEMPOTENT', runner.register, (ctx, req) => orchestrator.registerRunner(ctx, req)),
      unregisterStageRunner: unary('IDEMPOTENT', runner.unregister, (ctx, req) =>
        orchestrator.unregisterRunner(ctx, req),
      ),
      listStageRunners: unary('READ', runner.list, (ctx, req) => orchestrator.listRunners(ctx, req)),
      updateStageExecution: unary('IDEMPOTENT', execution.update, (ctx, req) => orchestrator.updateExecution(ctx, req)),
      completeStageExecution: unary('IDEMPOTENT', execution.complete, (ctx, req) =>
        orchestrator.completeExecution(ctx, req),
      ),
      acquireStageExecutions: patient('IDEMPOTENT', execution.acquire, (ctx, req) =>
        orchestrator.acquireExecutions(ctx, req),
      ),
    },
    executor: {
      runStage: patient('IDEMPOTENT', stage.run, (ctx, req) => orchestrator.runStage(ctx, req)),
      cancelStage: unary('IDEMPOTENT', stage.cancel, (ctx, req) => orchestrator.cancelStage(ctx, req)),
    },
  } as const;
}

type Service<Req, Res> = (ctx: CallContext, request: Req) => Promise<Res>;

/** Puts what every endpoint has around the service's methods. */
function rpcBuilder({ clock, ids, log, defaultDeadlineMs: requestTimeoutMs }: EndpointDeps) {
  const guard = <Res>(endpoint: Endpoint<unknown, Res>): Endpoint<unknown, Res> =>
    wrap(endpoint, accessLog(clock, log), recover(ids));

  return {
    /** A call that answers soon, or is given up. */
    unary<Req, Res>(idempotency: Idempotency, schema: z.ZodType<Req>, service: Service<Req, Res>): UnaryRpc<Res> {
      return { kind: 'UNARY', idempotency, isPatient: false, requestTimeoutMs, call: guard(validate(schema, service)) };
    },
    /** A call that may wait as long as its caller does. */
    patient<Req, Res>(idempotency: Idempotency, schema: z.ZodType<Req>, service: Service<Req, Res>): UnaryRpc<Res> {
      return { kind: 'UNARY', idempotency, isPatient: true, requestTimeoutMs, call: guard(validate(schema, service)) };
    },
    stream<Req>(idempotency: Idempotency, schema: z.ZodType<Req>, service: Service<Req, WatchSubscription>): StreamRpc {
      const call = wrap<unknown, WatchSubscription>(guard(validate(schema, service)), recoverStream(ids));
      return { kind: 'SERVER_STREAM', idempotency, requestTimeoutMs, call };
    },
  };
}
