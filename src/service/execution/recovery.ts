import { serverFailure } from '../../domain/failure.ts';
import type { Logger } from '../../domain/logger.ts';
import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Editor } from '../edit/editor.ts';
import { endAttempt } from '../edit/stage-life.ts';
import { liveAttemptOf } from './claim.ts';

/** Attempts ended at a time. */
const BATCH = 256;

export type RecoveryDeps = { readonly storage: Storage; readonly editor: Editor; readonly log: Logger };

/**
 * Ends the builtin attempts that the end of the last server process cut: INCOMPLETE(SERVER_RESTART), retried by policy.
 * To be run once at start, before anything is dispatched. Answers how many there were.
 */
export async function recoverBuiltinAttempts({ storage, editor, log }: RecoveryDeps): Promise<number> {
  let recovered = 0;
  for (;;) {
    const cut = await storage.read((snapshot) => snapshot.builtinQueue.started(BATCH));
    if (cut.length === 0) break;
    await Promise.all(cut.map((key) => endCut(editor, key)));
    recovered += cut.length;
  }
  if (recovered > 0) log.info({ attempts: recovered }, 'ended attempts that the last server process left running');
  return recovered;
}

function endCut(editor: Editor, key: AttemptKey): Promise<void> {
  return editor.edit(
    key.planId,
    { actor: 'server', reason: 'server restart' },
    {
      change: async (edit) => {
        const live = await liveAttemptOf(edit, key);
        if (live === undefined) return;
        const failure = serverFailure(
          'SERVER_RESTART',
          'the server process ended while the attempt ran',
          edit.origin.at,
        );
        await endAttempt(edit, live.stage, live.attempt, { state: 'INCOMPLETE', failure, final: false });
      },
      answer: async () => undefined,
    },
  );
}
