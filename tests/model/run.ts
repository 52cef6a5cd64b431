import { expect } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import { codeOf } from '../../src/endpoint/error-status.ts';
import { anyCall } from '../support/service-rig.ts';
import { withBlame } from './blame.ts';
import { type Cells, isListed } from './cells.ts';
import { cellsAsked, cellsMoved } from './cells-of.ts';
import type { Command, Manners } from './commands.ts';
import { commandFor } from './generate/command.ts';
import { asksOneThing } from './one-thing.ts';
import type { RealSide } from './real-side.ts';
import { cancelOneStage, cancelWorkPlan, createPlan, fire, planOf, write } from './reference/commands.ts';
import { atomically } from './reference/commit.ts';
import {
  answerAgain,
  betterFor,
  type CallEnd,
  type Choice,
  endCall,
  executionOf,
  faultOf,
  handOut,
  leftForPuller,
  leftWaiting,
  restart,
} from './reference/hand-out.ts';
import { Refusal } from './reference/refusal.ts';
import { answerCall, complete, refuseAnswer, update } from './reference/reports.ts';
import type { WriteNodes } from './reference/requests.ts';
import { SERVER_OWNER } from './reference/results.ts';
import { register, tendRunners, unregister } from './reference/runners.ts';
import type { Plan, World } from './reference/state.ts';
import { emptyWorld } from './reference/state.ts';
import { nextDue, PATIENCE_MS } from './reference/timers.ts';
import { versionFaults, withVersions } from './versions.ts';
import { differences, viewOfModel, viewOfReal } from './view.ts';

/** Blocking calls are held, offers accepted. */
const calm: Manners = { run: 'HOLD', runAsync: 'ACCEPTED' };

/** What all runs together have done. */
export type Tally = { commands: number; accepted: number; refused: number; answersRead: number; readonly cells: Cells };

/** One run: a plan of its own, the model and the service side by side. */
export class Run {
  readonly #real: RealSide;
  readonly planId: string;
  readonly #tally: Tally;
  readonly #history: string[] = [];
  /** Writes with a request_id. */
  readonly #sent: WriteNodes[] = [];
  #world: World;
  /** The plan before the command, and what the server did on its own account since: how it groups that is up to it. */
  #before: Plan;
  #ownSteps = 0;

  private constructor(real: RealSide, planId: string, tally: Tally) {
    this.#real = real;
    this.planId = planId;
    this.#tally = tally;
    this.#world = emptyWorld(real.clock.now());
    this.#change((world) => createPlan(world, planId));
    this.#before = this.#plan;
  }

  static async begin(real: RealSide, tally: Tally): Promise<Run> {
    const { id } = await real.orchestrator.createWorkPlan(anyCall, { metadata: {}, requestId: '' });
    return new Run(real, id, tally);
  }

  /** Does what the number stands for to both sides; rejects when they disagree. */
  async step(seed: number): Promise<void> {
    await this.do(commandFor(seed, this.#world, this.planId, this.#sent));
  }

  /** Leaves nothing behind that would go on. */
  async end(): Promise<void> {
    await this.do({ do: 'cancelPlan' });
    await this.do({ do: 'tick', ms: 10_000 });
    for (const { registrationId } of this.#world.runners) await this.do({ do: 'unregister', registrationId });
    this.#real.runners.manners = calm;
    const open = [...this.#plan.checks, ...this.#plan.stages].filter(({ state }) => state !== 'FINAL');
    if (open.length > 0) throw this.#disagreement([`open after the plan's cancellation: ${open.map(({ id }) => id)}`]);
  }

  get #plan(): Plan {
    return planOf(this.#world, this.planId);
  }

  #change(work: (world: World) => void): void {
    const before = this.#world.plans[0];
    this.#world = atomically(this.#world, work).world;
    if (before === undefined) return;
    for (const cell of cellsMoved(before, this.#plan)) {
      if (!isListed(cell)) throw this.#disagreement([`a move that no table lists: ${cell}`]);
      this.#tally.cells.reach(cell);
    }
  }

  /** Does one command to both sides; rejects when they disagree. */
  async do(command: Command): Promise<void> {
    this.#history.push(JSON.stringify(command));
    this.#tally.commands += 1;
    const before = this.#world;
    this.#before = this.#plan;
    this.#ownSteps = 0;
    const refusal = await this.#perform(command);
    for (const cell of cellsAsked(command, before, this.#before, refusal)) this.#tally.cells.reach(cell);
    await this.#real.settle();
    this.#follow();
    await this.#compare();
  }

  /** Answers why both sides refused the command, if they did. */
  async #perform(command: Command): Promise<Refusal | undefined> {
    const { orchestrator, runners } = this.#real;
    const planId = this.planId;
    switch (command.do) {
      case 'write': {
        const { request } = command;
        if (request.requestId !== '') this.#sent.push(request);
        const real = async () => {
          // A repeat of a request has the same body.
          const responseView = request.requestId === '' && this.#history.length % 2 === 0 ? 'FULL' : 'BASIC';
          const answer = await orchestrator.writeNodes(anyCall, { ...request, responseView });
          const stored = await this.#real.read(planId, request, responseView);
          // Later steps of the server's own are another revision.
          if (stored.revision === answer.revision) expect(answer, 'the answer to a write').toEqual(stored);
          this.#tally.answersRead += Number(stored.revision === answer.revision);
        };
        return this.#both(command, real, (world) => write(world, request));
      }
      case 'cancelStage': {
        const { stageId } = command;
        const real = () => orchestrator.cancelStage(anyCall, { workPlanId: planId, stageId, reason: '' });
        return this.#both(command, real, (world) => cancelOneStage(world, planId, stageId));
      }
      case 'cancelPlan': {
        const real = () => orchestrator.cancelWorkPlan(anyCall, { id: planId, reason: '' });
        return this.#both(command, real, (world) => cancelWorkPlan(world, planId));
      }
      case 'register': {
        const { registrationId } = await orchestrator.registerRunner(anyCall, { ...command.request, metadata: {} });
        this.#change((world) => register(world, registrationId, command.request));
        return undefined;
      }
      case 'unregister': {
        const { registrationId } = command;
        const real = () => orchestrator.unregisterRunner(anyCall, { registrationId });
        return this.#both(command, real, (world) => unregister(world, registrationId));
      }
      case 'manners':
        runners.manners = command.manners;
        return undefined;
      case 'acquire':
        return this.#acquire(command);
      case 'update': {
        const { request } = command;
        return this.#both(
          command,
          () => orchestrator.updateExecution(anyCall, request),
          (world) => update(world, request),
        );
      }
      case 'complete': {
        const { executionId, answer } = command;
        const real = () => orchestrator.completeExecution(anyCall, { executionId, ...answer });
        return this.#both(command, real, (world) => complete(world, executionId, answer));
      }
      case 'endCall':
        await this.#endCall(command);
        return undefined;
      case 'tick':
        await this.#tick(command.ms);
        return undefined;
      case 'jump':
        await this.#jump(command);
        return undefined;
      case 'restart':
        await this.#restart(command.awayMs);
        return undefined;
    }
  }

  async #acquire(command: Extract<Command, { readonly do: 'acquire' }>): Promise<Refusal | undefined> {
    const { runnerId, runnerTypes, maxExecutions, held } = command;
    const { orchestrator } = this.#real;
    const request = { runnerId, runnerTypes, maxExecutions, waitMs: 0, heldExecutionIds: held };
    let answered: readonly Choice[] = [];
    const real = async () => {
      // Time stands still, so that the call ends when all that there is has been looked at.
      const tasks = await orchestrator.acquireExecutions(anyCall, request);
      answered = tasks.map(({ stageId, attemptIdx, executionId }) => {
        return { planId: this.planId, stageId, attemptIdx, executionId, runnerId, how: 'ACQUIRE' } as const;
      });
    };
    let lost: readonly string[] = [];
    this.#ownSteps += maxExecutions + held.length + this.#plan.stages.length;
    const refusal = await this.#both(command, real, (world) => {
      const ids = answered.map(({ executionId }) => executionId);
      lost = answerAgain(world, command, ids);
    });
    if (refusal !== undefined) return refusal;
    if (lost.length > 0) {
      const ids = answered.map(({ executionId }) => executionId);
      const isRight =
        ids.length === Math.min(maxExecutions, lost.length) &&
        new Set(ids).size === ids.length &&
        ids.every((id) => lost.includes(id));
      if (!isRight) throw this.#disagreement([`answered ${ids}, not ${maxExecutions} of ${lost}`]);
      return undefined;
    }
    for (const choice of answered) this.#handOut(choice, undefined);
    const left = answered.length < maxExecutions ? leftForPuller(this.#world, command) : [];
    if (left.length > 0) throw this.#disagreement(left);
    return undefined;
  }

  /** The answer of a blocking call that can not be applied ends the attempt, by policy. */
  async #endCall({ turn, outcome }: Extract<Command, { readonly do: 'endCall' }>): Promise<void> {
    const { runners } = this.#real;
    const call = runners.held[turn % Math.max(1, runners.held.length)];
    if (call === undefined) return;
    const attempt = executionOf(this.#world, call.choice.executionId)?.attempt;
    this.#tally.cells.reach(`attempt ${attempt?.state}: call ${outcome.kind}`);
    runners.end(call, outcome);
    await this.#real.settle();
    this.#ownSteps += 1;
    if (outcome.kind !== 'ANSWERED') {
      const { kind } = outcome;
      this.#change((world) => endCall(world, call.choice, kind));
    } else if (this.#judge((world) => answerCall(world, call.choice, outcome.answer)) !== undefined) {
      this.#change((world) => refuseAnswer(world, call.choice));
    }
  }

  async #jump(command: Extract<Command, { readonly do: 'jump' }>): Promise<void> {
    // A call that fails now suspends its runner for as long as the server waits with overdue deadlines: whether the runner
    // is called again before they are judged, or afterwards, is up to the server.
    this.#real.runners.manners = calm;
    this.#real.clock.jump(command.ms);
    await this.#real.settle();
    const now = this.#world.now + command.ms;
    this.#world = { ...this.#world, now, patientUntil: now + PATIENCE_MS };
    this.#change(tendRunners);
    this.#fireAll();
    this.#follow();
    for (const request of command.heard) {
      this.#ownSteps += 1;
      const real = () => this.#real.orchestrator.updateExecution(anyCall, request);
      await this.#both(command, real, (world) => update(world, request));
    }
    await this.#tick(PATIENCE_MS);
  }

  async #restart(awayMs: number): Promise<void> {
    await this.#real.stop();
    this.#real.clock.advance(awayMs);
    await this.#real.start();
    await this.#real.settle();
    this.#world = { ...this.#world, now: this.#world.now + awayMs };
    this.#ownSteps += 2 * this.#plan.stages.length;
    this.#change(restart);
    this.#fireAll();
  }

  /** The server's own choices, told to the model, which judges them. */
  #follow(): void {
    const called = this.#real.runners.takeCalled();
    const isCalm = called.every(({ end }) => end === undefined || end === 'ACCEPTED');
    for (const { choice, end } of called) {
      const better = isCalm ? betterFor(this.#world, choice, this.#before) : undefined;
      if (better !== undefined) throw this.#disagreement([better]);
      this.#handOut(choice, end);
    }
    const waiting = leftWaiting(this.#world);
    if (waiting.length > 0) throw this.#disagreement(waiting);
  }

  #handOut(choice: Choice, end: CallEnd | undefined): void {
    const fault = faultOf(this.#world, choice);
    if (fault !== undefined) throw this.#disagreement([`handed out: ${fault}`]);
    this.#ownSteps += 2;
    this.#change((world) => handOut(world, choice));
    if (end !== undefined) this.#change((world) => endCall(world, choice, end));
  }

  /** A request to both sides, which must agree on whether and why it is refused. */
  async #both(
    command: Command,
    real: () => Promise<unknown>,
    model: (world: World) => void,
  ): Promise<Refusal | undefined> {
    const actual = await refusalOf(real());
    const expected = this.#judge(model);
    const isSameCode = expected?.code === (actual && codeOf(actual.reason));
    const isSameReason = expected?.reason === actual?.reason || !asksOneThing(command);
    if (!isSameCode || !isSameReason) {
      throw this.#disagreement([`model ${verdictOf(expected)}`, `service ${verdictOf(actual)}`]);
    }
    this.#tally[actual === undefined ? 'accepted' : 'refused'] += 1;
    return expected;
  }

  #judge(model: (world: World) => void): Refusal | undefined {
    try {
      this.#change(model);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  async #tick(ms: number): Promise<void> {
    const end = this.#world.now + ms;
    while (this.#world.now < end) {
      const to = Math.min(nextDue(this.#world) ?? end, end);
      this.#real.clock.advance(to - this.#world.now);
      await this.#real.settle();
      this.#world = { ...this.#world, now: to };
      this.#change(tendRunners);
      this.#fireAll();
      this.#follow();
    }
  }

  #fireAll(): void {
    for (let fired = true; fired; ) {
      this.#change((world) => {
        fired = fire(world);
      });
      if (fired) this.#ownSteps += 1;
    }
  }

  async #compare(): Promise<void> {
    const { orchestrator } = this.#real;
    const plan = await orchestrator.getWorkPlan(anyCall, { id: this.planId });
    const { checks, stages } = await orchestrator.queryNodes(anyCall, {
      workPlanId: this.planId,
      checkIds: [],
      stageIds: [],
      checkStates: [],
      stageStates: [],
      includeChecks: true,
      includeStages: true,
      pageSize: 0,
      pageToken: '',
      view: 'FULL',
    });
    const isBlamed = checks.some(({ results }) => results.some(({ ownerType }) => ownerType === SERVER_OWNER));
    if (isBlamed) this.#world = withBlame(this.#world, this.planId, this.#before, checks);
    const found = differences(viewOfModel(this.#plan), viewOfReal(plan, checks, stages));
    const stored = { version: plan.version, nodes: [...checks, ...stages] };
    const wrong = found.length > 0 ? found : versionFaults(this.#before, this.#plan, stored, this.#ownSteps);
    if (wrong.length > 0) throw this.#disagreement(wrong);
    if (this.#ownSteps > 0) this.#world = withVersions(this.#world, this.planId, stored);
  }

  #disagreement(found: readonly string[]): Error {
    return new Error([`the model and the service disagree:`, ...found, 'after:', ...this.#history].join('\n'));
  }
}

function verdictOf(refusal: Refusal | AppError | undefined): string {
  return refusal === undefined ? 'accepts' : `refuses, ${refusal.reason}: ${refusal.message}`;
}

/** The error with which a request is refused; undefined = it is accepted. Bugs pass through. */
async function refusalOf(request: Promise<unknown>): Promise<AppError | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
