import { AppError } from '../domain/error.ts';
import type { Limits } from '../domain/limits.ts';
import type {
  AcceptOutcome as ServiceAcceptOutcome,
  CallFailure as ServiceCallFailure,
  CancelOutcome as ServiceCancelOutcome,
  RunnerCalls as ServiceRunnerCalls,
  RunnerTask as ServiceRunnerTask,
  RunOutcome as ServiceRunOutcome,
} from '../service/execution/runner-calls.ts';
import { protoPath } from './field-path.ts';
import { runnerAnswerSchema } from './schema/runner-answer.ts';
import { validated } from './validated.ts';

/** What a transport implements so that the service can call runners. */
export type RunnerCalls = ServiceRunnerCalls;
export type RunnerTask = ServiceRunnerTask;
export type CallFailure = ServiceCallFailure;
export type RunOutcome = ServiceRunOutcome;
export type AcceptOutcome = ServiceAcceptOutcome;
export type CancelOutcome = ServiceCancelOutcome;

/**
 * Makes an outcome of what a runner answered a blocking call with, by the rules that CompleteStageExecution is held to:
 * BROKEN, with the paths of all that is wrong, if the answer breaks them.
 */
export function runOutcomeReader(limits: Limits): (answer: unknown) => RunOutcome {
  const schema = runnerAnswerSchema(limits);
  return (answer) => {
    try {
      return { kind: 'ANSWERED', answer: validated(schema, answer) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { kind: 'BROKEN', message: `the runner's answer is not valid: ${faultsOf(error)}` };
    }
  };
}

function faultsOf({ fields, message }: AppError): string {
  if (fields.length === 0) return message;
  return fields.map((field) => `${protoPath(field.path) || 'answer'}: ${field.message}`).join('; ');
}
