import { AppError } from '../../domain/error.ts';
import type { JsonObject } from '../../domain/json.ts';

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
