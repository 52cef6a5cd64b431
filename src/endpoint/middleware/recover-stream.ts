import type { Ids } from '../../domain/ports.ts';
import type { WatchItem, WatchSubscription } from '../../service/orchestrator.ts';
import type { Middleware } from '../endpoint.ts';
import type { RequestContext } from '../request-context.ts';
import { toAppError } from './recover.ts';

/** `recover` for what goes wrong after a subscription stands: its iteration ends with AppError only. */
export function recoverStream<Req>(ids: Ids): Middleware<Req, WatchSubscription> {
  return (next) => async (ctx, request) => {
    const subscription = await next(ctx, request);
    return {
      cut: subscription.cut,
      [Symbol.asyncIterator]: () => recovered(subscription[Symbol.asyncIterator](), ctx, ids),
    };
  };
}

/** Not a generator: its `return` would wait for a `next` that is under way. */
function recovered(items: AsyncIterator<WatchItem>, ctx: RequestContext, ids: Ids): AsyncIterator<WatchItem> {
  return {
    next: () =>
      items.next().catch((error: unknown) => {
        throw toAppError(error, ctx, ids);
      }),
    return: async () => (await items.return?.()) ?? { done: true, value: undefined },
  };
}
