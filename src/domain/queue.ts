import { invariant } from './error.ts';
import { type ExecutionMode, executionModes, isBuiltin } from './stage.ts';

/** The queue of everything that the server process executes itself. */
export const BUILTIN_QUEUE = 'builtin';

/**
 * Names the queue in which the attempts of a stage wait for whoever executes them: one for all builtin types, and one for
 * each runner type and mode, since a runner may take one mode only. Undefined = none: the writer drives the stage itself.
 */
export function queueOf(runnerType: string, mode: ExecutionMode): string | undefined {
  if (runnerType === '') return undefined;
  return isBuiltin(runnerType) ? BUILTIN_QUEUE : `${mode}:${runnerType}`;
}

/** The runner type and mode of a queue that is not the builtin one. */
export function parseQueue(queue: string): { readonly runnerType: string; readonly mode: ExecutionMode } {
  const end = queue.indexOf(':');
  const mode = executionModes.find((one) => one === queue.slice(0, end));
  invariant(mode, `"${queue}" is no queue of a runner type`);
  return { runnerType: queue.slice(end + 1), mode };
}
