import { AppError } from '../../domain/error.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import type { Middleware } from '../endpoint.ts';
import { codeOf } from '../error-status.ts';

/**
 * The access log: one line a call, at debug level (failures that an operator should know of are logged where they
 * arise). With debug off it costs nothing: the level is fixed when the endpoint is made.
 */
export function accessLog<Req, Res>(clock: Clock, log: Logger): Middleware<Req, Res> {
  if (!log.isLevelEnabled('debug')) return (next) => next;
  return (next) => async (ctx, request) => {
    const startedAt = clock.now();
    try {
      const response = await next(ctx, request);
      ctx.log.debug({ code: 'OK', ms: clock.now() - startedAt }, 'call');
      return response;
    } catch (error) {
      const failure = error instanceof AppError ? error : undefined;
      const code = failure === undefined ? 'INTERNAL' : codeOf(failure.reason);
      ctx.log.debug({ code, reason: failure?.reason, detail: failure?.message, ms: clock.now() - startedAt }, 'call');
      throw error;
    }
  };
}
