import type { AcceptOutcome, RunnerTask, RunOutcome } from '../../../src/service/execution/runner-calls.ts';
import type { Orchestrator } from '../../../src/service/orchestrator.ts';
import type { RunnerAnswer } from '../../../src/service/requests.ts';
import { type FakeRunnerCalls, runnerAnswer } from '../../support/fake-runner-calls.ts';
import { anyCall } from '../../support/service-rig.ts';
import { stageWrite } from '../../support/writes.ts';
import type { Dice } from '../dice.ts';
import { isUnavailable, untilAnswered } from './persistent-client.ts';
import { checkOf, childOf } from './work-plan-script.ts';

const TTL_MS = 3_600_000;

/** Runners that do what the args of their stages say, and repeat what they have to say until the server has heard it. */
export class Fleet {
  readonly #dice: Dice;
  readonly #work = new Set<Promise<void>>();
  #orchestrator: Orchestrator | undefined;
  #life = new AbortController();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Serves a server that has just started. */
  async join(orchestrator: Orchestrator, calls: FakeRunnerCalls): Promise<void> {
    this.#orchestrator = orchestrator;
    this.#life = new AbortController();
    calls.onRun = ({ task }) => this.#run(task);
    calls.onRunAsync = ({ task }) => this.#accept(task);
    for (const runnerType of ['sync', 'async', 'pull']) await this.#register(runnerType);
    this.#track(this.#pull(this.#life.signal));
  }

  /** The server ends; resolves when nothing is under way that needs it. */
  async leave(): Promise<void> {
    this.#life.abort(new Error('the server has ended'));
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  async #register(runnerType: string): Promise<void> {
    const request = {
      runnerId: `runner of ${runnerType}`,
      runnerType,
      address: runnerType === 'pull' ? '' : `${runnerType}:1`,
      supportedModes: ['SYNC', 'ASYNC'] as const,
      maxConcurrent: 4,
      ttlMs: TTL_MS,
      metadata: {},
    };
    await untilAnswered(() => this.#server().registerRunner(anyCall, request));
  }

  async #run(task: RunnerTask): Promise<RunOutcome> {
    if (this.#dice.chance(0.1)) return { kind: 'UNDELIVERED', message: 'busy' };
    if (this.#dice.chance(0.05)) return { kind: 'BROKEN', message: 'the line broke' };
    await this.#prepare(task);
    return { kind: 'ANSWERED', answer: answerTo(task) };
  }

  async #accept(task: RunnerTask): Promise<AcceptOutcome> {
    if (this.#dice.chance(0.1)) return { kind: 'UNDELIVERED', message: 'busy' };
    this.#track(this.#report(task));
    return { kind: 'ACCEPTED' };
  }

  async #pull(signal: AbortSignal): Promise<void> {
    const request = {
      runnerId: 'runner of pull',
      runnerTypes: [],
      maxExecutions: 2,
      waitMs: 1000,
      heldExecutionIds: [],
    };
    while (!signal.aborted) {
      try {
        const tasks = await this.#server().acquireExecutions({ signal }, request);
        for (const task of tasks) this.#track(this.#report(task));
      } catch (error) {
        // It asks again: what it was given and did not get is answered then.
        if (!isUnavailable(error)) return;
      }
      await new Promise(setImmediate);
    }
  }

  /** Begins, tells how it stands and what came of it, each until the server has heard it. */
  async #report(task: RunnerTask): Promise<void> {
    const { executionId } = task;
    const beat = { executionId, message: '', progressPercent: 50, details: { begun: true } };
    await this.#tell(() => this.#server().updateExecution(anyCall, beat));
    await this.#prepare(task);
    await this.#tell(() => this.#server().completeExecution(anyCall, { executionId, ...answerTo(task) }));
  }

  /** A report is taken, unless the attempt has ended or was taken back. */
  async #tell(report: () => Promise<unknown>): Promise<void> {
    const answer = await untilAnswered(report);
    if ('response' in answer || answer.refused === 'EXECUTION_ENDED' || answer.refused === 'EXECUTION_NOT_FOUND')
      return;
    throw new Error(`a report was refused: ${answer.refused}`);
  }

  /** Creates a child in the name of the attempt; refused when the attempt is not the runner's any more. */
  async #prepare({ args, planId, stageId, attemptIdx, executionId }: RunnerTask): Promise<void> {
    if (args.isParent !== true) return;
    const request = {
      workPlanId: planId,
      checks: [],
      stages: [stageWrite(childOf(stageId), { runnerType: 'builtin/noop', args: { delay: '30ms' } })],
      requestId: executionId,
      reason: '',
      attempt: { stageId, attemptIdx, processUid: executionId },
      expectedPlanVersion: undefined,
      responseView: 'BASIC',
    } as const;
    await untilAnswered(() => this.#server().writeNodes(anyCall, request));
  }

  #server(): Orchestrator {
    if (this.#orchestrator === undefined) throw new Error('there is no server');
    return this.#orchestrator;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

function answerTo({ args, stageId }: RunnerTask): RunnerAnswer {
  if (args.fails === true) {
    return runnerAnswer({ stageState: 'FINAL', failure: { message: 'it was to fail', reason: 'VERDICT' } });
  }
  const found = {
    checkId: checkOf(stageId),
    state: undefined,
    data: { found: stageId },
    finalize: true,
    failure: undefined,
  };
  return runnerAnswer({ checkUpdates: [found], details: { begun: true } });
}
