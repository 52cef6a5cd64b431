import type { AttemptFailure } from './answer.ts';
import type { Task } from './task.ts';

/** What happens in a runner, for logs. */
export type RunnerEvent =
  /** The server knows the runner, for the first time or again after an outage. */
  | { readonly type: 'registered'; readonly runnerTypes: readonly string[]; readonly address: string }
  /** A handler was called. */
  | { readonly type: 'started'; readonly task: Task }
  /**
   * An execution is over, and the server knows how it ended, unless the answer was DISCARDED: the execution was not the
   * runner's any more, or the server was away for too long.
   */
  | {
      readonly type: 'ended';
      readonly task: Task;
      readonly outcome: 'COMPLETE' | 'FAILED' | 'DISCARDED';
      readonly failure: AttemptFailure | undefined;
      readonly durationMs: number;
    }
  /** Something went wrong that the kit copes with, such as a server that is away; said once for each outage. */
  | { readonly type: 'problem'; readonly message: string; readonly error: unknown; readonly task?: Task };

export type OnEvent = (event: RunnerEvent) => void;
