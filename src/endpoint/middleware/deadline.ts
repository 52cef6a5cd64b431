import { AppError } from '../../domain/error.ts';
import type { Clock } from '../../domain/ports.ts';
import type { Middleware } from '../endpoint.ts';

/**
 * Gives a call whose caller set no deadline a default one. Deadlines of callers are kept by the transport, which learns
 * of them from its protocol.
 */
export function defaultDeadline<Req, Res>(clock: Clock, afterMs: number): Middleware<Req, Res> {
  return (next) => async (ctx, request) => {
    if (ctx.deadline !== undefined) return next(ctx, request);
    const cancel = clock.after(afterMs, () => ctx.abort(deadlineExceeded()));
    try {
      return await next(ctx, request);
    } finally {
      cancel();
    }
  };
}

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
