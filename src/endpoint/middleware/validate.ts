import type { z } from 'zod';
import type { Endpoint } from '../endpoint.ts';
import { validated } from '../validated.ts';

/** Refuses a request that its schema does not accept and hands on what the schema makes of it. */
export function validate<Req, Res>(schema: z.ZodType<Req>, next: Endpoint<Req, Res>): Endpoint<unknown, Res> {
  return async (ctx, request) => next(ctx, validated(schema, request));
}
