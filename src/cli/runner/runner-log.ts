import type { AttemptFailure, RunnerEvent, Task } from '../../runner/start-runner.ts';
import type { Cli } from '../cli.ts';
import { oneLine, printable } from '../output.ts';
import type { OutputStream } from './program.ts';

/** Shows what happens in a runner. */
export type RunnerLog = {
  event(event: RunnerEvent): void;
  /** A line of output that the program of a task wrote. */
  line(task: Task, line: string, stream: OutputStream): void;
};

/** For people: a line for each event, and the programs' lines behind the names of their stages. */
export function plainLog({ out, err }: Cli): RunnerLog {
  return {
    event: (event) => {
      const text = oneLine(eventText(event));
      if (event.type === 'problem') err.line(`turboci: ${text}`);
      else out.line(text);
    },
    line: ({ stageId }, line) => err.line(`${oneLine(stageId)} | ${printable(line)}`),
  };
}

/** For programs: a JSON object for each event and line. */
export function jsonLog({ out }: Cli): RunnerLog {
  return {
    event: (event) => out.json(eventJson(event)),
    line: (task, line, stream) => out.json({ event: stream, ...taskJson(task), line }),
  };
}

function eventText(event: RunnerEvent): string {
  switch (event.type) {
    case 'registered':
      return `registered for ${event.runnerTypes.join(', ')} at ${event.address}`;
    case 'started':
      return `${event.task.stageId} started (plan ${event.task.planId}, attempt ${event.task.attemptIdx})`;
    case 'ended': {
      const { task, outcome, failure, durationMs } = event;
      const why = failure === undefined ? '' : `: ${failure.message}`;
      return `${task.stageId} ${outcomeWords[outcome]} after ${durationMs} ms${why}`;
    }
    case 'problem':
      return `${event.task === undefined ? '' : `${event.task.stageId}: `}${problemText(event)}`;
  }
}

function problemText({ message, error }: Extract<RunnerEvent, { type: 'problem' }>): string {
  return error instanceof Error ? `${message}: ${error.message}` : message;
}

const outcomeWords = { COMPLETE: 'done', FAILED: 'failed', DISCARDED: 'ended in vain' } as const;

function eventJson(event: RunnerEvent): object {
  switch (event.type) {
    case 'registered':
      return { event: event.type, runner_types: event.runnerTypes, server: event.address };
    case 'started':
      return { event: event.type, ...taskJson(event.task) };
    case 'ended': {
      const { task, outcome, failure, durationMs } = event;
      const ended = { event: event.type, ...taskJson(task), outcome, duration_ms: durationMs };
      return failure === undefined ? ended : { ...ended, failure: failureJson(failure) };
    }
    case 'problem':
      return { event: event.type, ...(event.task && taskJson(event.task)), message: problemText(event) };
  }
}

function failureJson({ message, reason, occurredAt, retry }: AttemptFailure): object {
  return { message, reason, occurred_at: occurredAt, retry: retry !== false };
}

function taskJson({ executionId, planId, stageId, attemptIdx, runnerType }: Task): object {
  return {
    execution_id: executionId,
    plan_id: planId,
    stage_id: stageId,
    attempt_idx: attemptIdx,
    runner_type: runnerType,
  };
}
