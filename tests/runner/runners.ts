import { onTestFinished } from 'vitest';
import {
  type Answer,
  type Context,
  type Handler,
  type Runner,
  type RunnerEvent,
  type RunnerOptions,
  type RunnerSystem,
  type ServeOptions,
  startRunner,
  type Task,
} from '../../src/runner/start-runner.ts';
import { machine } from '../../src/runner/system.ts';
import { waitFor } from '../support/wait-for.ts';

type Given = Omit<Partial<ServeOptions>, 'mode'> & Pick<RunnerOptions, 'mode' | 'server'>;

/** A runner with the events that it told; stopped at once after the test. */
export type TestRunner = Runner & { readonly events: readonly RunnerEvent[] };

/** Starts a runner of the type `t`. */
export async function start(options: Given, handler: Handler = async () => ({})): Promise<TestRunner> {
  const events: RunnerEvent[] = [];
  const usual = { handlers: { t: handler }, onEvent: (event: RunnerEvent) => void events.push(event) };
  const runner = await startRunner({ ...usual, ...options } as RunnerOptions);
  onTestFinished(() => runner.stop({ graceMs: 0 }));
  return Object.assign(runner, { events });
}

/** One call of a handler, whose end the test decides. */
export type Call = {
  readonly task: Task;
  readonly context: Context;
  readonly answer: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
};

/** A handler whose calls wait for the test, or for the runner to stop; `of` is that of an execution, once it is there. */
export function held(): { readonly handler: Handler; readonly calls: readonly Call[]; of(id: string): Promise<Call> } {
  const calls: Call[] = [];
  return {
    calls,
    handler: (task, context) =>
      new Promise<Answer>((answer, fail) => {
        calls.push({ task, context, answer, fail });
        context.signal.addEventListener('abort', () => {
          if (context.signal.reason.stopCause === 'STOPPING') fail(context.signal.reason);
        });
      }),
    of: (id) => waitFor(`the handler's call for ${id}`, () => calls.find(({ task }) => task.executionId === id)),
  };
}

/** The machine with shorter waits: for tests of long ones. Deadlines of calls stay as they are. */
export function hurried(factor: number): RunnerSystem {
  return { ...machine, after: (delayMs, fire) => machine.after(delayMs / factor, fire) };
}

/** Resolves with the reason when the signal has aborted. */
export async function stopCause({ signal }: Context): Promise<unknown> {
  await waitFor('the signal to abort', () => signal.aborted);
  return signal.reason;
}
