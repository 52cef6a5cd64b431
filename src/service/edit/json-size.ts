import { AppError } from '../../domain/error.ts';
import { type JsonObject, jsonFault } from '../../domain/json.ts';
import type { Limits } from '../../domain/limits.ts';

/** RESOURCE_EXHAUSTED when a merge has grown a value beyond what a node may hold. */
export function assertJsonSize(value: JsonObject, limit: number, what: string): void {
  const size = Buffer.byteLength(JSON.stringify(value));
  if (size <= limit) return;
  throw new AppError(
    'JSON_SIZE_LIMIT',
    `${what} would have ${size} bytes as JSON after the merge; at most ${limit} are allowed`,
    {
      metadata: { limit: String(limit), size: String(size) },
    },
  );
}

/** What the endpoint checks of requests, for JSON that comes from an executor: depth, numbers and size. */
export function assertJson(value: JsonObject, limits: Limits, what: string): void {
  const fault = jsonFault(value, limits.jsonDepth);
  if (fault === 'TOO_DEEP')
    throw new AppError('REQUEST_LIMIT_EXCEEDED', `${what} nests deeper than ${limits.jsonDepth} levels`);
  if (fault === 'NO_JSON_NUMBER') throw new AppError('INVALID_FIELD', `${what} holds NaN or Infinity`);
  assertJsonSize(value, limits.jsonBytes, what);
}
