import type { JsonObject } from '../../../domain/json.ts';
import type { CheckUpdate } from '../../requests.ts';
import type { ExecutionAnswer } from '../executor.ts';
import type { ResultMode } from './args.ts';
import type { CommandEnd } from './command.ts';

type Failure = { readonly message: string; readonly reason: string };

/** The answer to a command that ran. `details` become the attempt's details and the data of the results. */
export function answerOf(
  end: CommandEnd,
  details: JsonObject,
  results: ResultMode,
  assignedCheckIds: readonly string[],
): ExecutionAnswer {
  const failure = failureOf(end);
  const isFinding = results === 'always' && end.stopped === undefined && end.exitCode !== null;
  if (failure !== undefined && !isFinding) return failedAnswer(failure.message, failure.reason, details);
  const finding = failure && { ...failure, reason: 'COMMAND_FAILED' };
  const checkUpdates = results === 'never' ? [] : assignedCheckIds.map((id) => finalResult(id, details, finding));
  return { checkUpdates, details, failure: undefined, verdict: false };
}

/** An answer without results: the attempt is INCOMPLETE, and its policy says whether there is another. */
export function failedAnswer(message: string, reason: string, details?: JsonObject): ExecutionAnswer {
  return { checkUpdates: [], details, failure: { message, reason }, verdict: false };
}

function failureOf(end: CommandEnd): Failure | undefined {
  switch (end.stopped) {
    case 'TIMEOUT':
      return { message: `the command timed out after ${end.durationMs} ms`, reason: 'TIMEOUT' };
    case 'CANCELLED':
      return { message: 'the command was stopped', reason: 'CANCELLED' };
    case undefined:
      break;
  }
  if (end.signal !== null) return { message: `the command was ended by ${end.signal}`, reason: 'EXECUTOR_FAILURE' };
  if (end.exitCode === 0) return undefined;
  return { message: `the command ended with exit status ${end.exitCode}`, reason: 'EXECUTOR_FAILURE' };
}

function finalResult(checkId: string, data: JsonObject, failure: Failure | undefined): CheckUpdate {
  return { checkId, state: 'FINAL', data, finalize: true, failure };
}
