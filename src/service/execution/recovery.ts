import { serverFailure } from '../../domain/failure.ts';
import type { Logger } from '../../domain/logger.ts';
import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { moveOn } from '../edit/attempt-life.ts';
import type { Editor } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { endAttempt } from '../edit/stage-life.ts';
import { type LiveAttempt, liveAttemptOf } from './live-attempt.ts';
import type { RunnerLoads } from './runner-loads.ts';

/** Attempts treated at a time. */
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
 * (SERVER_RESTART), retried by policy; what runners hold, or may hold, stands until its deadlines, since they may report.
 */
export async function recoverAttempts({ storage, editor, log, loads }: RecoveryDeps): Promise<void> {
  for (const held of await storage.read((snapshot) => snapshot.held.ofRunners())) loads.add(held);
  const cut = await storage.read((snapshot) => snapshot.held.boundToProcess());
  await forAll(cut, (key) => editAttempt(editor, key, endCut));
  if (cut.length > 0) log.info({ attempts: cut.length }, 'ended attempts that the last server process left running');
  const offered = await storage.read((snapshot) => snapshot.held.offered());
  await forAll(offered, (key) => editAttempt(editor, key, assumeAccepted));
}

async function forAll(keys: readonly AttemptKey[], treat: (key: AttemptKey) => Promise<void>): Promise<void> {
  for (let at = 0; at < keys.length; at += BATCH) await Promise.all(keys.slice(at, at + BATCH).map(treat));
}

function editAttempt(
  editor: Editor,
  key: AttemptKey,
  treat: (edit: PlanEdit, live: LiveAttempt) => Promise<void>,
): Promise<void> {
  return editor.edit(
    key.planId,
    { actor: 'server', reason: 'server restart' },
    {
      change: async (edit) => {
        const live = await liveAttemptOf(edit, key);
        if (live !== undefined) await treat(edit, live);
      },
      answer: async () => undefined,
    },
  );
}

async function endCut(edit: PlanEdit, { stage, attempt }: LiveAttempt): Promise<void> {
  const message = 'the server process ended while the attempt ran';
  const failure = serverFailure('SERVER_RESTART', message, edit.origin.at);
  await endAttempt(edit, stage, attempt, { state: 'INCOMPLETE', failure, final: false }, { stop: message });
}

/** Nobody knows whether the offer was delivered: its runner may report, and owes heartbeats from now on. */
async function assumeAccepted(edit: PlanEdit, { stage, attempt }: LiveAttempt): Promise<void> {
  moveOn(edit, stage, attempt, 'SCHEDULED');
}
