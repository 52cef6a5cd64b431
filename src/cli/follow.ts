import { setTimeout as delay } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  TurboCIOrchestrator,
  type WatchWorkPlanRequestSchema,
  type WorkPlanEvent,
} from '../../gen/turboci/v1/service_pb.js';
import { CliError } from './cli-error.ts';
import type { ServerClient } from './client.ts';
import { exitCode } from './exit-code.ts';

export type FollowOptions = {
  readonly request: MessageInitShape<typeof WatchWorkPlanRequestSchema> & { readonly workPlanId: string };
  readonly signal: AbortSignal;
  /** Called when the connection is lost and will be tried again. */
  readonly onInterruption?: (error: CliError) => void;
  /** Longest time without the server, in milliseconds; then the last error is thrown. */
  readonly patienceMs: number;
};

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * The events of a plan, each once, over breaks of the connection and restarts of the server: it resumes after the last
 * revision that it has seen in whole, and skips of the one it had begun what it has given out already. Ends when the
 * stream ends by itself or `signal` aborts.
 */
export async function* follow(
  client: ServerClient,
  options: FollowOptions,
): AsyncGenerator<WorkPlanEvent, void, undefined> {
  const { request, signal, onInterruption, patienceMs } = options;
  let revision = request.sinceRevision;
  let seenOfRevision = 0;
  let waitedMs = 0;
  for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      let toSkip = seenOfRevision;
      const since = seenOfRevision > 0 && revision !== undefined ? revision - 1n : revision;
      const resumed = since === undefined ? request : { ...request, sinceRevision: since };
      for await (const event of client.stream(TurboCIOrchestrator.method.watchWorkPlan, resumed, signal)) {
        wait = FIRST_WAIT_MS;
        waitedMs = 0;
        if (event.revision === revision && toSkip > 0) {
          toSkip -= 1;
          continue;
        }
        seenOfRevision = event.revision === revision ? seenOfRevision + 1 : 1;
        revision = event.revision;
        yield event;
      }
      return;
    } catch (error) {
      if (!isInterruption(error) || waitedMs >= patienceMs) throw error;
      onInterruption?.(error);
    }
    waitedMs += wait;
    await delay(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** Whether the same call may succeed later: the server is away or drains, or this watcher was too slow and cut. */
function isInterruption(error: unknown): error is CliError {
  return error instanceof CliError && (error.exitCode === exitCode.unavailable || error.reason === 'WATCHER_TOO_SLOW');
}
