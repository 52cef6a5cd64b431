import { AppError } from '../../domain/error.ts';
import type { Ids } from '../../domain/ports.ts';
import type { Middleware } from '../endpoint.ts';
import type { RequestContext } from '../request-context.ts';

/**
 * Turns whatever an endpoint throws into an AppError. An error that nobody foresaw is logged in full under a new
 * incident id, and the caller is told that id only.
 */
export function recover<Req, Res>(ids: Ids): Middleware<Req, Res> {
  return (next) => async (ctx, request) => {
    try {
      return await next(ctx, request);
    } catch (error) {
      throw toAppError(error, ctx, ids);
    }
  };
}

/** What `recover` makes of one error; also for errors that come after the endpoint has answered, from a stream. */
export function toAppError(error: unknown, ctx: Pick<RequestContext, 'log'>, ids: Pick<Ids, 'incident'>): AppError {
  if (error instanceof AppError) {
    if (error.reason === 'INTERNAL') ctx.log.error({ err: error }, 'internal error');
    else if (error.cause !== undefined) ctx.log.warn({ err: error, reason: error.reason }, 'request failed');
    return error;
  }
  const incident = ids.incident();
  ctx.log.error({ err: error, incident }, 'internal error');
  return new AppError('INTERNAL', `internal error, incident ${incident}`, { metadata: { incident } });
}
