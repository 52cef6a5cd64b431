import { invalidField } from '../domain/error.ts';
import type { JsonValue } from '../domain/json.ts';
import { digestOf } from './idempotency.ts';

const TOKEN_VERSION = 1;

/**
 * An opaque token for the next page: the position, bound to the query by a digest, so that a token of another query is
 * refused instead of answering nonsense.
 */
export function pageToken(query: Readonly<Record<string, unknown>>, position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, bindingOf(query), ...position])).toString('base64url');
}

/** The position in a token; undefined for an empty one. Rejects tokens that are damaged or of another query. */
export function readPageToken(
  query: Readonly<Record<string, unknown>>,
  token: string,
): readonly (string | number)[] | undefined {
  if (token === '') return undefined;
  const parsed = parseToken(token);
  const [version, binding, ...position] = parsed;
  if (version !== TOKEN_VERSION || binding !== bindingOf(query)) {
    throw invalidField(['pageToken'], 'the page token is not one that this query was answered with', 'BAD_PAGE_TOKEN');
  }
  return position.filter((part) => typeof part === 'string' || typeof part === 'number');
}

function parseToken(token: string): JsonValue[] {
  try {
    const parsed: JsonValue = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function bindingOf(query: Readonly<Record<string, unknown>>): string {
  return digestOf(query).slice(0, 16);
}
