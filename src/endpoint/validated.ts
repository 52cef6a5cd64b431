import type { z } from 'zod';
import { AppError, type FieldPath } from '../domain/error.ts';
import { protoPath } from './field-path.ts';
import { reasonOf } from './schema/fault.ts';

/** More faults than these help nobody, and an error's details travel in headers. */
const SHOWN_FAULTS = 10;

/**
 * What the schema makes of a value, defaults filled in. Throws AppError that names the faults by their paths. This is the
 * border at which data of unknown shape becomes plain data of the service.
 */
export function validated<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = parse(schema, value);
  if (!parsed.success) throw invalid(parsed.error.issues);
  return parsed.data;
}

function parse<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value, parseOptions);
  } catch (error) {
    // zod passes the faults of a list as arguments of one call, which a hundred thousand of them do not fit into.
    if (error instanceof RangeError)
      throw new AppError('INVALID_FIELD', 'the request has too many faults to name them');
    throw error;
  }
}

const parseOptions = { reportInput: false } as const;

function invalid(issues: readonly z.core.$ZodIssue[]): AppError {
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
