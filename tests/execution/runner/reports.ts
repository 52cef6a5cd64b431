import { setTimeout as delay } from 'node:timers/promises';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import {
  CompleteStageExecutionRequestSchema,
  TurboCIOrchestrator,
  UpdateStageExecutionRequestSchema,
  type UpdateStageExecutionResponse,
  WriteNodesRequestSchema,
} from '../../../gen/turboci/v1/service_pb.js';
import type { RunResponse } from '../../../gen/turboci/v1/stagerunner_pb.js';
import { TestClient } from '../../support/client.ts';
import { RpcError } from '../../support/rpc-error.ts';

const { method } = TurboCIOrchestrator;
const AGAIN_AFTER_MS = 50;
const CALL_MS = 5000;

/** How a report was taken. */
export type Reply<T> = { readonly outcome: string; readonly reason: string; readonly response?: T };

/** Which attempt reports, and where to. */
export type Reporter = {
  readonly address: string;
  readonly executionId: string;
  readonly workPlanId: string;
  readonly stageId: string;
  readonly attemptIdx: number;
};

/** What a runner has to say to orchestrators, said again while they are away. */
export class Reports {
  readonly #clients = new Map<string, TestClient>();

  client(address: string): TestClient {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const client = new TestClient(address, {
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 250,
    });
    this.#clients.set(address, client);
    return client;
  }

  update({ address, executionId }: Reporter, json: JsonObject): Promise<Reply<UpdateStageExecutionResponse>> {
    const request = fromJson(UpdateStageExecutionRequestSchema, { ...json, executionId });
    return persist((init) => this.client(address).call(method.updateStageExecution, request, init));
  }

  complete({ address, executionId }: Reporter, answer: RunResponse): Promise<Reply<unknown>> {
    const { stageState, checkUpdates, failure, details } = answer;
    const request = {
      ...fromJson(CompleteStageExecutionRequestSchema, {}),
      executionId,
      stageState,
      checkUpdates,
      ...(failure === undefined ? {} : { failure }),
      ...(details === undefined ? {} : { details }),
    };
    return persist((init) => this.client(address).call(method.completeStageExecution, request, init));
  }

  write(reporter: Reporter, json: JsonObject): Promise<Reply<unknown>> {
    const { address, workPlanId, stageId, attemptIdx, executionId } = reporter;
    const attempt = { stageId, attemptIdx, processUid: executionId };
    const request = fromJson(WriteNodesRequestSchema, { ...json, workPlanId, attempt });
    return persist((init) => this.client(address).call(method.writeNodes, request, init));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** Makes a call until somebody answers it, and says how. */
export async function persist<T>(call: (init: { deadline: number }) => Promise<T>): Promise<Reply<T>> {
  for (;;) {
    try {
      return { outcome: 'OK', reason: '', response: await call({ deadline: Date.now() + CALL_MS }) };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { code, reason } = error;
      if (code !== 'UNAVAILABLE' && code !== 'DEADLINE_EXCEEDED') return { outcome: code, reason };
    }
    await delay(AGAIN_AFTER_MS);
  }
}
