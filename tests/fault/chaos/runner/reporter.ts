import { fromJson, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type CompleteStageExecutionRequestSchema,
  TurboCIOrchestrator,
  type UpdateStageExecutionResponse,
  WriteNodesRequestSchema,
} from '../../../../gen/turboci/v1/service_pb.js';
import { persist, type Reply } from '../../../execution/runner/reports.ts';
import type { TestClient } from '../../../support/client.ts';
import type { Task } from './task.ts';

const { method } = TurboCIOrchestrator;

/** What an answer says; the execution is named apart from it. */
export type Answer = Omit<
  Exclude<MessageInitShape<typeof CompleteStageExecutionRequestSchema>, { $typeName: string }>,
  'executionId'
>;

/** What an execution tells the orchestrator, told again until it is taken or refused. */
export class Reporter {
  readonly #client: TestClient;
  readonly #task: Task;

  constructor(client: TestClient, task: Task) {
    this.#client = client;
    this.#task = task;
  }

  update(message = '', executionId = this.#task.executionId): Promise<Reply<UpdateStageExecutionResponse>> {
    const request = { executionId, message };
    return persist((init) => this.#client.call(method.updateStageExecution, request, init));
  }

  complete(answer: Answer, executionId = this.#task.executionId): Promise<Reply<unknown>> {
    const request = { ...answer, executionId };
    return persist((init) => this.#client.call(method.completeStageExecution, request, init));
  }

  /** Writes nodes in the name of the attempt. */
  write(nodes: JsonObject): Promise<Reply<unknown>> {
    const { workPlanId, stageId, attemptIdx, executionId } = this.#task;
    const attempt = { stageId, attemptIdx, processUid: executionId };
    const request = fromJson(WriteNodesRequestSchema, { ...nodes, workPlanId, attempt, requestId: executionId });
    return persist((init) => this.#client.call(method.writeNodes, request, init));
  }
}
