import { ExecutionMode } from '../../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../../../gen/turboci/v1/service_pb.js';
import { persist } from '../../../execution/runner/reports.ts';
import { TestClient } from '../../../support/client.ts';
import { Dice } from '../../dice.ts';
import { createLog, type Log, type Way } from '../log.ts';
import { type Ending, Execution, type Workshop } from './execution.ts';
import type { RunnerOptions } from './options.ts';
import type { Task } from './task.ts';

const { method } = TurboCIOrchestrator;

/** Each refusal spares the runner for a second, so it must be rare to let anything else happen. */
const REFUSES = 0.016;

/** How a runner says that it begins nothing. */
export type Refusal = 'NOT_ACCEPTED' | 'RESOURCE_EXHAUSTED' | 'UNIMPLEMENTED';

/** A runner that does as scripts say and has moods of its own. */
export class ChaosRunner {
  readonly options: RunnerOptions;
  readonly client: TestClient;
  readonly log: Log;
  readonly #dice: Dice;
  readonly #shop: Workshop;
  readonly #running = new Map<string, Execution>();

  constructor(options: RunnerOptions) {
    this.options = options;
    this.log = createLog(options.log, options.runnerId);
    this.#dice = new Dice(options.seed);
    this.client = new TestClient(options.orchestrator, {
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
    });
    this.#shop = { client: this.client, log: this.log, dice: this.#dice.fork(), ended: [] };
  }

  /** The executions that it knows it has. */
  get held(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** Notes a fault and ends the process; the fleet starts another one, the proofs tell of it. */
  readonly fault = (error: unknown): void => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log({ event: 'fault', reason });
    process.exit(3);
  };

  /** Sometimes it begins nothing. */
  refusalOf(way: Way, task: Task): Refusal | undefined {
    if (!this.#dice.chance(REFUSES)) return undefined;
    const refusal: Refusal = this.#dice.pick(
      way === 'RUN' ? ['RESOURCE_EXHAUSTED', 'UNIMPLEMENTED'] : ['NOT_ACCEPTED', 'RESOURCE_EXHAUSTED'],
    );
    const { executionId, workPlanId: plan, stageId: stage, attemptIdx: idx } = task;
    this.log({ event: 'decline', way, executionId, plan, stage, idx, outcome: refusal });
    return refusal;
  }

  begin(way: Way, task: Task): Execution {
    const execution = new Execution(this.#shop, way, task);
    this.#running.set(task.executionId, execution);
    return execution;
  }

  async finish(execution: Execution): Promise<Ending> {
    try {
      return await execution.perform();
    } finally {
      this.forget(execution);
    }
  }

  forget({ task }: Execution): void {
    this.#running.delete(task.executionId);
  }

  /** Tells an execution to stop; false if it has none of this name. */
  stop(executionId: string): boolean {
    const execution = this.#running.get(executionId);
    execution?.stop();
    return execution !== undefined;
  }

  /** Registers for all of its types; resolves when the orchestrator has taken it. */
  async register(address: string): Promise<void> {
    const { runnerId, runnerTypes, modes, maxConcurrent, ttlSeconds } = this.options;
    const supportedModes = modes.map((mode) => ExecutionMode[mode]);
    for (const runnerType of runnerTypes) {
      const request = {
        runnerId,
        runnerType,
        address,
        supportedModes,
        maxConcurrent,
        ttlSeconds: BigInt(ttlSeconds),
      };
      const { outcome, reason } = await persist((init) => this.client.call(method.registerStageRunner, request, init));
      if (outcome !== 'OK') throw new Error(`the registration was refused: ${outcome} ${reason}`);
    }
  }
}
