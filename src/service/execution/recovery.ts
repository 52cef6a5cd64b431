import { serverFailure } from '../../domain/failure.ts';
import type { Logger } from '../../domain/logger.ts';
import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Editor } from '../edit/editor.ts';
import { endAttempt } from '../edit/stage-life.ts';
import { liveAttemptOf } from './live-attempt.ts';
import type { RunnerLoads } from './runner-loads.ts';

/** Attempts ended at a time. */
const BATCH = 256;

export type RecoveryDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly log: Logger;
  readonly loads: RunnerLoads;
};

/**
 * Takes stock of what the last server process left behind; to be run once at start, before anything is dispatched.
 * Attempts whose execution ended with that process (builtin ones, blocking calls to runners) are INCOMPLETE
 * (SERVER_RESTART), retried by policy; what runners hold stands until its deadlines, since they may report.
 */
export async function recoverAttempts({ storage, editor, log, loads }: RecoveryDeps): Promise<void> {
  for (const held of await storage.read((snapshot) => snapshot.held.ofRunners())) loads.add(held);
  let recovered = 0;
  for (;;) {
    const cut = await storage.read((snapshot) => snapshot.held.boundToProcess(BATCH));
    if (cut.length === 0) break;
    await Promise.all(cut.map((key) => endCut(editor, key)));
    recovered += cut.length;
  }
  if (recovered > 0) log.info({ attempts: recovered }, 'ended attempts that the last server process left running');
}

function endCut(editor: Editor, key: AttemptKey): Promise<void> {
  return editor.edit(
    key.planId,
    { actor: 'server', reason: 'server restart' },
    {
      change: async (edit) => {
        const live = await liveAttemptOf(edit, key);
        if (live === undefined) return;
        const message = 'the server process ended while the attempt ran';
        const failure = serverFailure('SERVER_RESTART', message, edit.origin.at);
        const end = { state: 'INCOMPLETE', failure, final: false } as const;
        await endAttempt(edit, live.stage, live.attempt, end, { stop: message });
      },
      answer: async () => undefined,
    },
  );
}
