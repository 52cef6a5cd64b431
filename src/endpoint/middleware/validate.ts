import type { z } from 'zod';
import { AppError, type FieldPath } from '../../domain/error.ts';
import type { Endpoint } from '../endpoint.ts';
import { protoPath } from '../field-path.ts';
import { reasonOf } from '../schema/fault.ts';

/** More faults than these help nobody, and an error's details travel in headers. */
const SHOWN_FAULTS = 10;

/**
 * Refuses a request that its schema does not accept and hands on what the schema makes of it, defaults filled in. This
 * is the border at which data of unknown shape becomes a plain request.
 */
export function validate<Req, Res>(schema: z.ZodType<Req>, next: Endpoint<Req, Res>): Endpoint<unknown, Res> {
  return async (ctx, request) => {
    const parsed = parse(schema, request);
    if (!parsed.success) throw invalidRequest(parsed.error.issues);
    return next(ctx, parsed.data);
  };
}

function parse<Req>(schema: z.ZodType<Req>, request: unknown): z.ZodSafeParseResult<Req> {
  try {
    return schema.safeParse(request, parseOptions);
  } catch (error) {
    // zod passes the faults of a list as arguments of one call, which a hundred thousand of them do not fit into.
    if (error instanceof RangeError)
      throw new AppError('INVALID_FIELD', 'the request has too many faults to name them');
    throw error;
  }
}

const parseOptions = { reportInput: false } as const;

function invalidRequest(issues: readonly z.core.$ZodIssue[]): AppError {
  const fields = issues
    .slice(0, SHOWN_FAULTS)
    .map((issue) => ({ path: plainPath(issue.path), message: issue.message }));
  const [first] = issues;
  const reason = first === undefined ? 'INVALID_FIELD' : reasonOf(first);
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const where = fields[0] === undefined ? 'request' : protoPath(fields[0].path) || 'request';
  return new AppError(reason, `${where}: ${fields[0]?.message ?? 'invalid'}${more}`, { fields });
}

function plainPath(path: readonly PropertyKey[]): FieldPath {
  return path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
}
