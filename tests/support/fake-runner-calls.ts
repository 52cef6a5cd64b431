import type {
  AcceptOutcome,
  CancelOutcome,
  RunnerCalls,
  RunnerTask,
  RunOutcome,
} from '../../src/service/execution/runner-calls.ts';
import type { RunnerAnswer } from '../../src/service/requests.ts';

/** A call that the server made to a runner. */
export type MadeCall = { readonly kind: 'RUN' | 'RUN_ASYNC'; readonly address: string; readonly task: RunnerTask };

/** Runners as tests want them: what each address does with a call is given by functions that may be changed at any time. */
export class FakeRunnerCalls implements RunnerCalls {
  readonly made: MadeCall[] = [];
  readonly cancelled: { readonly address: string; readonly executionId: string; readonly reason: string }[] = [];
  readonly pinged: string[] = [];
  isClosed = false;
  /** By default a call lasts until it is cut. */
  onRun: (call: MadeCall, signal: AbortSignal) => Promise<RunOutcome> = (_call, signal) => untilCut(signal);
  onRunAsync: (call: MadeCall) => Promise<AcceptOutcome> = async () => ({ kind: 'ACCEPTED' });
  onCancel: (executionId: string) => Promise<CancelOutcome> = async () => 'ACCEPTED';
  onPing: (address: string) => Promise<boolean> = async () => true;

  run(address: string, task: RunnerTask, { signal, onSent }: { signal: AbortSignal; onSent: () => void }) {
    const call: MadeCall = { kind: 'RUN', address, task };
    this.made.push(call);
    onSent();
    return this.onRun(call, signal);
  }

  runAsync(address: string, task: RunnerTask) {
    const call: MadeCall = { kind: 'RUN_ASYNC', address, task };
    this.made.push(call);
    return this.onRunAsync(call);
  }

  cancel(address: string, executionId: string, reason: string) {
    this.cancelled.push({ address, executionId, reason });
    return this.onCancel(executionId);
  }

  ping(address: string) {
    this.pinged.push(address);
    return this.onPing(address);
  }

  close() {
    this.isClosed = true;
  }
}

/** A blocking call that nobody answers. */
export function untilCut(signal: AbortSignal): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const cut = (): void => resolve({ kind: 'BROKEN', message: 'the call was cut' });
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
  });
}

/** An answer that says nothing but what it is given. */
export function runnerAnswer(change: Partial<RunnerAnswer> = {}): RunnerAnswer {
  return { stageState: undefined, checkUpdates: [], failure: undefined, details: undefined, ...change };
}

export function answered(change: Partial<RunnerAnswer> = {}): RunOutcome {
  return { kind: 'ANSWERED', answer: runnerAnswer(change) };
}
