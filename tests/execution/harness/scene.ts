import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import {
  type CompleteStageExecutionRequestSchema,
  type StageRunnerInfo,
  TurboCIOrchestrator,
  type UpdateStageExecutionRequestSchema,
  type UpdateStageExecutionResponse,
} from '../../../gen/turboci/v1/service_pb.js';
import type { RunRequest } from '../../../gen/turboci/v1/stagerunner_pb.js';
import { type StageWriteInit, TestPlan } from '../../e2e/semantics/harness/plan.ts';
import type { CallInit, TestClient } from '../../support/client.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type ActInit, argsOf } from '../runner/act.ts';
import type { RunnerInit } from '../runner/options.ts';
import { milliseconds } from './milliseconds.ts';
import { RunnerProcess } from './runner-process.ts';
import { callsOf, createPlan, type Stageable } from './server.ts';

const { method } = TurboCIOrchestrator;

type StageInit = Exclude<StageWriteInit, { $typeName: string }>;
type Also = Omit<StageInit, 'id' | 'args' | 'runnerType' | 'executionMode'>;
type Runners = Omit<RunnerInit, 'orchestrator' | 'runnerId' | 'runnerTypes' | 'log'> & {
  readonly runnerId?: string;
  readonly runnerTypes?: string[];
};
type UpdateInit = Omit<
  Exclude<MessageInitShape<typeof UpdateStageExecutionRequestSchema>, { $typeName: string }>,
  'executionId'
>;
type CompleteInit = Omit<
  Exclude<MessageInitShape<typeof CompleteStageExecutionRequestSchema>, { $typeName: string }>,
  'executionId'
>;
export type AcquireInit = {
  readonly runnerId: string;
  readonly runnerTypes?: readonly string[];
  readonly max?: number;
  readonly waitMs?: number;
  readonly held?: readonly string[];
  readonly init?: CallInit;
};

let scenes = 0;

/** A plan, and runners of a type that is the scene's own. */
export class Scene {
  readonly runnerType: string;
  readonly #server: () => Stageable;
  readonly #planId: string;
  #runners = 0;

  private constructor(server: () => Stageable, planId: string, runnerType: string) {
    this.#server = server;
    this.#planId = planId;
    this.runnerType = runnerType;
  }

  /** A scene of its own plan on the server. */
  static async open(server: { readonly current: Stageable }, metadata = {}): Promise<Scene> {
    scenes += 1;
    return new Scene(() => server.current, (await createPlan(callsOf(server.current), metadata)).id, `type-${scenes}`);
  }

  /** The plan on the server that runs now. */
  get plan(): TestPlan {
    return new TestPlan(callsOf(this.#server()), this.#planId);
  }

  get client(): TestClient {
    return this.#server().client;
  }

  get address(): string {
    return this.#server().address;
  }

  /** A further plan on the same server, whose stages have the same runners. */
  async another(): Promise<Scene> {
    return new Scene(this.#server, (await createPlan(callsOf(this.#server()))).id, this.runnerType);
  }

  /** Starts a runner of the scene's type. */
  runner(options: Runners = {}): Promise<RunnerProcess> {
    this.#runners += 1;
    const { address, folder } = this.#server();
    const runnerId = options.runnerId ?? `${this.runnerType}-runner-${this.#runners}`;
    const log = join(folder, `${runnerId}-${this.#runners}.log`);
    return RunnerProcess.start({ orchestrator: address, runnerTypes: [this.runnerType], ...options, runnerId, log });
  }

  /** A stage for a runner that is called and answers. */
  sync(id: string, acts: ActInit | readonly ActInit[] = {}, also: Also = {}): StageInit {
    return this.#stage(ExecutionMode.SYNC, id, acts, also);
  }

  /** A stage for a runner that accepts and reports. */
  async(id: string, acts: ActInit | readonly ActInit[] = {}, also: Also = {}): StageInit {
    return this.#stage(ExecutionMode.ASYNC, id, acts, also);
  }

  #stage(executionMode: ExecutionMode, id: string, acts: ActInit | readonly ActInit[], also: Also): StageInit {
    return { ...also, id, executionMode, runnerType: this.runnerType, args: argsOf(...[acts].flat()) };
  }

  async listed(): Promise<readonly StageRunnerInfo[]> {
    return (await this.client.call(method.listStageRunners, { runnerType: this.runnerType })).runners;
  }

  /** The only runner of the scene's type, as it is listed. */
  async only(): Promise<StageRunnerInfo> {
    const runners = await this.listed();
    expect(runners).toHaveLength(1);
    return runners[0] ?? expect.fail('no runner is listed');
  }

  /** Waits until the only runner of the scene's type meets the condition. */
  untilListed(what: string, condition: (runner: StageRunnerInfo) => boolean): Promise<StageRunnerInfo> {
    return waitFor(what, async () => {
      const runner = await this.only();
      return condition(runner) && runner;
    });
  }

  update(executionId: string, update: UpdateInit = {}): Promise<UpdateStageExecutionResponse> {
    return this.client.call(method.updateStageExecution, { ...update, executionId });
  }

  async complete(executionId: string, answer: CompleteInit = {}): Promise<boolean> {
    return (await this.client.call(method.completeStageExecution, { ...answer, executionId })).acknowledged;
  }

  /** One AcquireStageExecutions for the scene's type. */
  async acquire({ runnerId, runnerTypes, max = 1, waitMs = 0, held = [], init }: AcquireInit): Promise<RunRequest[]> {
    const request = {
      runnerId,
      runnerTypes: [...(runnerTypes ?? [this.runnerType])],
      maxExecutions: max,
      wait: milliseconds(waitMs),
      heldExecutionIds: [...held],
    };
    return (await this.client.call(method.acquireStageExecutions, request, init)).executions;
  }

  /** Registers a runner that is no process: whatever is given, on top of this scene's type and no address. */
  register(
    runnerId: string,
    more: Omit<
      Exclude<MessageInitShape<typeof method.registerStageRunner.input>, { $typeName: string }>,
      'runnerId'
    > = {},
  ) {
    const request = { runnerType: this.runnerType, supportedModes: [ExecutionMode.SYNC, ExecutionMode.ASYNC] };
    return this.client.call(method.registerStageRunner, { ...request, ...more, runnerId });
  }

  unregister(registrationId: string) {
    return this.client.call(method.unregisterStageRunner, { registrationId });
  }
}
