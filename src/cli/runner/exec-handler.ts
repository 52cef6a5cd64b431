import type { Answer, Handler, Task } from '../../runner/start-runner.ts';
import type { Clock, Environment } from '../cli.ts';
import { answerFrom, requestJson } from './exec-messages.ts';
import { LineSplitter } from './line-splitter.ts';
import { type OutputStream, type ProgramEnd, runProgram } from './program.ts';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** A line of output that is progress, not a message: `::progress 40 compiling`. */
const PROGRESS = /^::progress (\d{1,3})(?: (.*))?$/u;

export type ExecOptions = {
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** Of the server that the runner talks to; programs get it as TURBOCI_SERVER. */
  readonly server: string;
  /** What programs inherit. */
  readonly env: Environment;
  readonly clock: Clock;
  /** Takes the lines of output, which is stderr, and stdout unless that is the answer. */
  readonly onLine: (task: Task, line: string, stream: OutputStream) => void;
};

/**
 * Executes attempts by a program: the request on stdin, the answer on stdout if that begins with `{`, a failure if the
 * exit status is not 0. See docs/runner-kit.md.
 */
export function execHandler({ command, server, env, clock, onLine }: ExecOptions): Handler {
  return async (task, { signal, progress }) => {
    const linesOf = (stream: OutputStream): LineSplitter =>
      new LineSplitter((line) => {
        const [, percent, message = ''] = PROGRESS.exec(line) ?? [];
        if (percent === undefined) onLine(task, line, stream);
        else progress(message, { percent: Number(percent) });
      });
    const lines = { stdout: linesOf('stdout'), stderr: linesOf('stderr') };
    const startedAt = clock.now();
    const end = await runProgram(
      {
        command,
        env: programEnvironment(env, task, server),
        input: requestJson(task),
        signal,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        onOutput: (stream, chunk) => lines[stream].add(chunk),
      },
      clock,
    );
    lines.stdout.end();
    lines.stderr.end();
    return answerOf(end, clock.now() - startedAt, signal);
  };
}

/** The environment of `turboci runner`, and what tells the program which attempt it is; see builtin/process. */
function programEnvironment(env: Environment, task: Task, server: string): Record<string, string> {
  const inherited = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return {
    ...Object.fromEntries(inherited),
    TURBOCI_SERVER: server,
    TURBOCI_WORK_PLAN_ID: task.planId,
    TURBOCI_STAGE_ID: task.stageId,
    TURBOCI_ATTEMPT_IDX: String(task.attemptIdx),
    TURBOCI_EXECUTION_ID: task.executionId,
  };
}

function answerOf({ exitCode, signal, answer, tail }: ProgramEnd, durationMs: number, abort: AbortSignal): Answer {
  const details = { exit_code: exitCode, signal, duration_ms: durationMs, tail };
  const failed = (message: string): Answer => ({
    details,
    failure: { message: abort.aborted ? `${abort.reason.message}: ${message}` : message },
  });
  if (answer === undefined) return failed(`the program answered more than ${MAX_ANSWER_BYTES} bytes`);
  if (signal !== null) return failed(`the program was ended by ${signal}`);
  if (exitCode !== 0) return failed(`the program ended with exit status ${exitCode}`);
  try {
    const given = answerFrom(answer);
    return { ...given, details: { ...details, ...given.details } };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failed(`stdout begins with { and is no answer: ${why}; write what is not meant as one to stderr (>&2)`);
  }
}
