import type { Clock } from '../../domain/ports.ts';
import { deadlineExceeded } from '../call-end.ts';
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
