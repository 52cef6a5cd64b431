import { AppError } from '../domain/error.ts';

/** The answer to a call whose time is up. */
export function deadlineExceeded(): AppError {
  return new AppError('DEADLINE_EXCEEDED', 'the deadline of the call has passed');
}

/** The reason of a call whose caller went away; nobody is there to read it. */
export function callerGone(): AppError {
  return new AppError('CALLER_GONE', 'the caller cancelled the call or went away');
}

/** The answer to calls that come, or are still open, while the server shuts down. */
export function draining(): AppError {
  return new AppError('DRAINING', 'the server is shutting down; try again in a moment');
}
