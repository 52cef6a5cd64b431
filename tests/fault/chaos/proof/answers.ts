import type { ChaosHistory, StoredAttempt } from '../history.ts';
import type { LogEntry } from '../log.ts';
import { attemptName } from './grouping.ts';

const COMPLETE = 30;
const INCOMPLETE = 40;

/** Reports that were answered as they must not be. */
export function wrongReplies(entries: readonly LogEntry[]): readonly string[] {
  return entries.filter(isWrongReply).map((entry) => `a wrong reply: ${JSON.stringify(entry)}`);
}

function isWrongReply({ event, outcome, reason, isWrong }: LogEntry): boolean {
  const isOver = outcome === 'FAILED_PRECONDITION' && reason === 'EXECUTION_ENDED';
  switch (event) {
    case 'reply':
      if (isWrong) return !isOver && outcome !== 'INVALID_ARGUMENT';
      // A check that does not take the finding yet refuses the answer.
      return outcome !== 'OK' && outcome !== 'FAILED_PRECONDITION';
    case 'update':
      return outcome !== 'OK' && !isOver;
    case 'children':
      return outcome !== 'OK' && outcome !== 'FAILED_PRECONDITION';
    case 'stray':
      return outcome !== 'NOT_FOUND' && !isOver;
    case 'fault':
      return true;
    case 'start':
    case 'end':
    case 'decline':
    case 'answer':
      return false;
  }
}

/**
 * Acknowledged answers that are not stored as a whole: the attempt's end, its details, and each finding unless its check
 * had ended; executions of which different answers were acknowledged; equal answers that did not share their fate.
 */
export function lostAnswers({ attempts }: ChaosHistory, entries: readonly LogEntry[]): readonly string[] {
  const replies = entries.filter(({ event }) => event === 'reply');
  const acknowledged = replies.filter(({ outcome }) => outcome === 'OK');
  const stored = new Map(attempts.map((attempt) => [attempt.executionId, attempt]));
  return [
    ...acknowledged.flatMap((answer) => contradictionsOf(answer, stored.get(answer.executionId))),
    ...differing(acknowledged, 'executionId', 'token').map((what) => `different answers were acknowledged: ${what}`),
    ...differing(replies, 'token', 'outcome').map((what) => `equal answers were not taken alike: ${what}`),
  ];
}

/** Where one value of a field comes with several of another. */
function differing(
  entries: readonly LogEntry[],
  field: 'executionId' | 'token',
  other: 'token' | 'outcome',
): readonly string[] {
  return [...Map.groupBy(entries, (entry) => entry[field])]
    .map(([value, all]) => ({ value, others: [...new Set(all.map((entry) => entry[other]))] }))
    .filter(({ others }) => others.length > 1)
    .map(({ value, others }) => `${value} with ${others.join(' and ')}`);
}

function contradictionsOf(answer: LogEntry, attempt: StoredAttempt | undefined): readonly string[] {
  const { token, isFailure, checks } = answer;
  const told = `acknowledged answer ${token}:`;
  if (attempt === undefined) return [`${told} no attempt has its execution`];
  const isLost = attempt.token !== token || attempt.state !== (isFailure ? INCOMPLETE : COMPLETE);
  return [
    ...(isLost ? [`${told} the attempt has ${attempt.token} in state ${attempt.state}`] : []),
    ...checks
      .filter((check) => attempt.results.get(check) !== token && !isSkipped(attempt, check))
      .map((check) => `${told} the result on ${check} is ${attempt.results.get(check)}`),
  ];
}

function isSkipped({ said }: StoredAttempt, check: string): boolean {
  return said.some((words) => words.startsWith('CHECK_ALREADY_FINAL') && words.includes(`"${check}"`));
}

/** Details that were not sent for their attempt, or in an answer that had to be refused. */
export function invented({ attempts }: ChaosHistory, entries: readonly LogEntry[]): readonly string[] {
  const sent = new Map(entries.filter(({ event }) => event === 'answer').map((answer) => [answer.token, answer]));
  return attempts
    .filter(({ token, executionId }) => {
      const answer = sent.get(token ?? '');
      return token !== null && (answer === undefined || answer.isWrong || answer.executionId !== executionId);
    })
    .map((attempt) => `attempt ${attemptName(attempt)} has details that nobody sent for it: ${attempt.token}`);
}

/** Acknowledged progress that is not stored. */
export function lostWords({ attempts }: ChaosHistory, entries: readonly LogEntry[]): readonly string[] {
  const said = new Set(attempts.flatMap((attempt) => attempt.said));
  return entries
    .filter(({ event, outcome, token }) => event === 'update' && outcome === 'OK' && !said.has(token))
    .map(({ token }) => `acknowledged progress is lost: ${token}`);
}
