import { CommanderError } from 'commander';
import { type ExitCode, exitCode } from './exit-code.ts';
import { printable } from './output.ts';

/** One line of an error that belongs to a place: a field of the request, a limit, a condition. */
export type ErrorDetail = { readonly path: string; readonly message: string };

export type CliErrorInit = {
  readonly exitCode: ExitCode;
  /** The word that programs tell errors apart by: the server's ErrorInfo.reason, or one of the command's own. */
  readonly reason: string;
  readonly details?: readonly ErrorDetail[];
  /** What to do about it, in a sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
};

/** An error for the person at the terminal: shown without a stack trace. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly reason: string;
  readonly details: readonly ErrorDetail[];
  readonly remedy: string | undefined;

  constructor(message: string, init: CliErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'CliError';
    this.exitCode = init.exitCode;
    this.reason = init.reason;
    this.details = init.details ?? [];
    this.remedy = init.remedy;
  }
}

/** Any error as one for the person at the terminal: wrong usage, and what nobody expected, with its stack. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /u, '');
    return new CliError(message, { exitCode: exitCode.usage, reason: 'USAGE', remedy: 'see --help', cause: error });
  }
  const [message, stack] = error instanceof Error ? [error.message, error.stack ?? ''] : [String(error), ''];
  const frames = stack.split('\n').filter((line) => /^\s+at /u.test(line));
  return new CliError(message, {
    exitCode: exitCode.internal,
    reason: 'BUG',
    details: frames.map((line) => ({ path: '', message: line.trim() })),
    remedy: 'this is a bug, please report it',
    cause: error,
  });
}

/** The error as lines for a terminal. */
export function errorLines(error: CliError): readonly string[] {
  const lines = [
    `turboci: ${error.message} (${error.reason})`,
    ...error.details.map(({ path, message }) => (path === '' ? `  ${message}` : `  ${path}: ${message}`)),
    ...(error.remedy === undefined ? [] : [`  → ${error.remedy}`]),
  ];
  return lines.map(printable);
}

/** The error as one JSON document, for `--json`. */
export function errorJson(error: CliError): string {
  const { reason, message, details, remedy, exitCode } = error;
  return JSON.stringify({ error: { reason, message, exitCode, details, ...(remedy === undefined ? {} : { remedy }) } });
}
