import type { RequestContext } from './request-context.ts';

/** What the server does for one RPC, free of any transport. Rejects with AppError only, once wrapped by `recover`. */
export type Endpoint<Req, Res> = (ctx: RequestContext, request: Req) => Promise<Res>;

/** Something done around an endpoint. */
export type Middleware<Req, Res> = (next: Endpoint<Req, Res>) => Endpoint<Req, Res>;

/** Wraps an endpoint so that the first middleware is the outermost. */
export function wrap<Req, Res>(
  endpoint: Endpoint<Req, Res>,
  ...middleware: readonly Middleware<Req, Res>[]
): Endpoint<Req, Res> {
  return middleware.reduceRight((next, around) => around(next), endpoint);
}
