/** A command that could not be started; the message says why, to the user. */
export class StartError extends Error {}

/** The error for a program that could not be started because of `error`, an error of the system or its code. */
export function cannotStart(file: string, error: unknown): StartError {
  return new StartError(`cannot start ${quoted(file)}: ${reasonOf(error)}`, { cause: error });
}

/** A name as it is shown in messages: not longer than needed to know it again. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text);
}

const reasons = new Map([
  ['ENOENT', 'command not found'],
  ['EACCES', 'permission denied'],
  ['E2BIG', 'its arguments and environment are too long'],
]);

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const reason = reasons.get(code);
  return reason === undefined ? error.message : `${reason} (${code})`;
}
