import { setTimeout as delay } from 'node:timers/promises';
import type { TestClient } from '../../../support/client.ts';
import type { Dice } from '../../dice.ts';
import type { Log, Note, Way } from '../log.ts';
import type { Act, Script } from '../script.ts';
import { Answers, type MarkedAnswer } from './answers.ts';
import { type Answer, Reporter } from './reporter.ts';
import { actOf, remainingMs, type Task } from './task.ts';

/** Well after the deadline of the attempt, also for a server that is busy. */
const LATE_MS = 1500;

export type Workshop = {
  readonly client: TestClient;
  readonly log: Log;
  readonly dice: Dice;
  /** Executions that have ended for certain. */
  readonly ended: string[];
};

/** What a call that brought the work is answered with; VANISHED: with nothing, ERROR: with an error. */
export type Ending = Answer | 'VANISHED' | 'ERROR';

/** One execution, as the script of its stage has it, and the notes about it. */
export class Execution {
  readonly task: Task;
  readonly #way: Way;
  readonly #shop: Workshop;
  readonly #act: Act;
  readonly #children: Script['children'];
  readonly #reporter: Reporter;
  readonly #answers: Answers;
  readonly #stop = new AbortController();

  constructor(shop: Workshop, way: Way, task: Task) {
    this.#shop = shop;
    this.#way = way;
    this.task = task;
    const { act, children } = actOf(task);
    this.#act = act;
    this.#children = children;
    this.#reporter = new Reporter(shop.client, task);
    this.#answers = new Answers(task, act, shop.dice);
  }

  /** Whether the call that brings it is answered with an error. */
  get isBroken(): boolean {
    return this.#act.end === 'error';
  }

  /** Makes sure that an acquired attempt is this runner's, which it is once it has been heard of. */
  async claim(): Promise<boolean> {
    const { outcome, reason } = await this.#reporter.update();
    if (outcome !== 'OK') this.note({ event: 'decline', outcome, reason });
    return outcome === 'OK';
  }

  /** Works, and answers a call of this way: RUN by what it resolves with, the others by CompleteStageExecution. */
  async perform(): Promise<Ending> {
    this.note({ event: 'start' });
    await this.#begin();
    await this.#labour();
    switch (this.#act.end) {
      case 'die':
        process.kill(process.pid, 'SIGKILL');
        return 'VANISHED';
      case 'quit':
        return process.exit(1);
      default:
        this.note({ event: 'end', outcome: this.#stop.signal.aborted ? 'stopped' : this.#act.end });
        return this.#finish(this.#act.end);
    }
  }

  /** Tells the work to stop; stubborn work goes on. */
  stop(): void {
    if (!this.#act.isStubborn) this.#stop.abort();
  }

  note(note: Note): void {
    const { executionId, workPlanId: plan, stageId: stage, attemptIdx: idx } = this.task;
    this.#shop.log({ executionId, plan, stage, idx, way: this.#way, ...note });
  }

  async #begin(): Promise<void> {
    const { executionId } = this.task;
    if (this.#act.talks) {
      const token = `${executionId} has begun`;
      const { outcome, reason, response } = await this.#reporter.update(token);
      this.note({ event: 'update', token, outcome, reason });
      if (outcome !== 'OK' || response?.cancelRequested) this.stop();
    }
    if (this.#children === undefined) return;
    const { outcome, reason } = await this.#reporter.write(this.#children);
    this.note({ event: 'children', outcome, reason });
  }

  async #labour(): Promise<void> {
    const { end, ms, beatMs } = this.#act;
    if (end === 'late') {
      await delay(Math.max(ms, remainingMs(this.task) + LATE_MS));
      return;
    }
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stop.signal]);
    const beating = beatMs === 0 ? Promise.resolve() : this.#beat(beatMs, signal);
    // Nobody tells a hanging runner that its server forgot it: it gives up long after everybody else has.
    await pause(end === 'hang' ? remainingMs(this.task) + 2 * LATE_MS : ms, this.#stop.signal);
    over.abort();
    await beating;
  }

  async #beat(everyMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(everyMs, signal);
      if (signal.aborted) return;
      const { outcome, response } = await this.#reporter.update();
      if (outcome !== 'OK' || response?.cancelRequested) this.stop();
    }
  }

  #finish(end: Exclude<Act['end'], 'die' | 'quit'>): Promise<Ending> {
    const answers = this.#answers;
    if (this.#stop.signal.aborted) return this.#answer(answers.failure('it was told to stop'));
    switch (end) {
      case 'succeed':
      case 'late':
        return this.#answer(answers.success());
      case 'fail':
      case 'hang':
        return this.#answer(answers.failure('it failed'));
      case 'verdict':
        return this.#answer(answers.verdict());
      case 'lie':
        return this.#answer(answers.lie());
      case 'illegal':
        return this.#answer(answers.illegal());
      case 'stray':
        return this.#stray();
      case 'twice':
        return this.#twice();
      case 'error':
        return Promise.resolve('ERROR');
      case 'vanish':
        return Promise.resolve('VANISHED');
    }
  }

  async #answer(marked: MarkedAnswer): Promise<Ending> {
    if (this.#way === 'RUN') {
      this.#noteAnswer('answer', marked);
      return marked.answer;
    }
    const { outcome, reason } = await this.#complete(marked);
    const isRefused = outcome === 'INVALID_ARGUMENT' || (outcome !== 'OK' && reason !== 'EXECUTION_ENDED');
    if (isRefused) await this.#complete(this.#answers.brief());
    return 'VANISHED';
  }

  /** Two equal answers at the same time, and then another one; a caller gets yet another one. */
  async #twice(): Promise<Ending> {
    const marked = this.#answers.success();
    await Promise.all([this.#complete(marked), this.#complete(marked)]);
    return this.#answer(this.#answers.failure('it has changed its mind'));
  }

  async #stray(): Promise<Ending> {
    const foreign = ['nobody-has-this', ...this.#shop.ended.slice(-2)];
    for (const executionId of foreign) {
      const { answer, token } = this.#answers.brief();
      const updated = await this.#reporter.update('', executionId);
      const completed = await this.#reporter.complete(answer, executionId);
      for (const { outcome, reason } of [updated, completed]) this.note({ event: 'stray', token, outcome, reason });
    }
    return this.#answer(this.#answers.success());
  }

  async #complete(marked: MarkedAnswer) {
    this.#noteAnswer('answer', marked);
    const reply = await this.#reporter.complete(marked.answer);
    this.#noteAnswer('reply', marked, reply);
    if (reply.outcome === 'OK') this.#shop.ended.push(this.task.executionId);
    return reply;
  }

  #noteAnswer(event: 'answer' | 'reply', marked: MarkedAnswer, reply = { outcome: '', reason: '' }): void {
    const { token, isFailure, isWrong, checks } = marked;
    const { outcome, reason } = reply;
    this.note({ event, token, isFailure, isWrong, checks, outcome, reason });
  }
}

/** Resolves after the time, or when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => {});
}
