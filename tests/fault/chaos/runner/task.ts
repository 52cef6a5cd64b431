import type { RunAsyncRequest, RunRequest } from '../../../../gen/turboci/v1/stagerunner_pb.js';
import { type Act, readScript, type Script } from '../script.ts';

export type Task = RunRequest | RunAsyncRequest;

/** What the attempt is to do, as its stage's args say. */
export function actOf({ args, attemptIdx }: Task): { readonly act: Act; readonly children: Script['children'] } {
  const { acts, children } = readScript(args);
  const act = acts[attemptIdx - 1] ?? acts.at(-1);
  if (act === undefined) throw new Error('a script without acts');
  return { act, children };
}

/** Milliseconds from now to the deadline of the attempt. */
export function remainingMs({ deadline }: Task): number {
  if (deadline === undefined) throw new Error('an attempt without a deadline');
  return Number(deadline.seconds) * 1000 + deadline.nanos / 1e6 - Date.now();
}
