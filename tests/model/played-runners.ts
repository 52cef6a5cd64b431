import type { RunOutcome } from '../../src/service/execution/runner-calls.ts';
import { FakeRunnerCalls, type MadeCall } from '../support/fake-runner-calls.ts';
import type { Manners } from './commands.ts';
import type { CallEnd, Choice } from './reference/hand-out.ts';

/** A call that the server made: what it chose, and how the call ended if it did so at once. */
export type Called = { readonly choice: Choice; readonly end: CallEnd | undefined };

type HeldCall = { readonly choice: Choice; readonly resolve: (outcome: RunOutcome) => void };

const why = { message: 'as the test wants it' };

/** The runners of the test: they note who was called with what, and answer as they are told. */
export class PlayedRunners {
  manners: Manners = { run: 'HOLD', runAsync: 'ACCEPTED' };
  #called: Called[] = [];
  readonly #held = new Map<string, HeldCall>();

  /** The calls of one server process. */
  connect(): FakeRunnerCalls {
    this.#held.clear();
    const calls = new FakeRunnerCalls();
    calls.onRun = (call, signal) => this.#run(choiceOf(call), signal);
    calls.onRunAsync = async (call) => {
      const end = this.manners.runAsync;
      this.#called.push({ choice: choiceOf(call), end });
      return end === 'ACCEPTED' ? { kind: end } : { kind: end, ...why };
    };
    return calls;
  }

  /** The calls made since the last time this was asked, in their order. */
  takeCalled(): readonly Called[] {
    const called = this.#called;
    this.#called = [];
    return called;
  }

  /** The held calls that nobody has cut, the oldest first. */
  get held(): readonly HeldCall[] {
    return [...this.#held.values()];
  }

  end({ choice, resolve }: HeldCall, outcome: RunOutcome): void {
    this.#held.delete(choice.executionId);
    resolve(outcome);
  }

  #run(choice: Choice, signal: AbortSignal): Promise<RunOutcome> {
    const { run } = this.manners;
    this.#called.push({ choice, end: run === 'HOLD' ? undefined : run });
    if (run !== 'HOLD') return Promise.resolve({ kind: run, ...why });
    return new Promise((resolve) => {
      const cut = () => {
        this.#held.delete(choice.executionId);
        resolve({ kind: 'BROKEN', message: 'the call was cut' });
      };
      this.#held.set(choice.executionId, { choice, resolve });
      if (signal.aborted) cut();
      else signal.addEventListener('abort', cut, { once: true });
    });
  }
}

/** Where a runner is called: its id, and behind a colon which of its addresses. */
export function addressOf(runnerId: string, which: number): string {
  return `${runnerId}:${which}`;
}

function choiceOf({ kind, address, task }: MadeCall): Choice {
  const { planId, stageId, attemptIdx, executionId } = task;
  const runnerId = address.slice(0, address.lastIndexOf(':'));
  return { planId, stageId, attemptIdx, executionId, how: kind, runnerId };
}
