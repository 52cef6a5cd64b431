import { createHash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import { AppError } from '../domain/error.ts';
import type { RememberedRequest } from '../storage/request-repository.ts';
import type { UnitOfWork } from '../storage/storage.ts';

/** How long a request_id is remembered. */
export const REQUEST_MEMORY_MS = 24 * 60 * 60 * 1000;

/** A mutating request that carries a request_id (semantics, section 13). */
export type IdempotentRequest = {
  readonly method: string;
  /** The plan, or empty. */
  readonly scope: string;
  readonly requestId: string;
  readonly digest: string;
};

/** Digest over a validated request: independent of key order, with large integers and undefined fields of no account. */
export function digestOf(request: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(stringify(request)).digest('base64url');
}

/** Undefined for requests without a request_id. */
export function idempotent<R extends { readonly requestId: string }>(
  method: string,
  scope: string,
  request: R,
): IdempotentRequest | undefined {
  const { requestId, ...body } = request;
  return requestId === '' ? undefined : { method, scope, requestId, digest: digestOf(body) };
}

/** The outcome of an earlier, equal request; undefined when this is the first. Rejects another body: REQUEST_ID_REUSED. */
export async function recall(
  uow: UnitOfWork,
  request: IdempotentRequest | undefined,
  now: number,
): Promise<RememberedRequest | undefined> {
  if (request === undefined) return undefined;
  const known = await uow.requests.find(request.method, request.scope, request.requestId);
  if (known === undefined || known.createdAt <= now - REQUEST_MEMORY_MS) return undefined;
  if (known.digest === request.digest) return known;
  throw new AppError(
    'REQUEST_ID_REUSED',
    `request_id "${request.requestId}" was used for a different ${request.method}; take a new id for a new request`,
    { metadata: { request_id: request.requestId, method: request.method, work_plan_id: known.planId } },
  );
}

/** Remembers the outcome in the same unit of work as the effect. */
export async function remember(
  uow: UnitOfWork,
  request: IdempotentRequest | undefined,
  planId: string,
  revision: number,
  now: number,
): Promise<void> {
  if (request !== undefined) await uow.requests.remember({ ...request, planId, revision, createdAt: now });
}
