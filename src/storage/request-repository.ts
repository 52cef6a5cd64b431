/** What is remembered of a mutating request that carried a request_id (semantics, section 13). */
export type RememberedRequest = {
  readonly method: string;
  /** The plan, or empty for requests that belong to none. */
  readonly scope: string;
  readonly requestId: string;
  /** Digest over the validated request. */
  readonly digest: string;
  /** The plan that the request created or changed. */
  readonly planId: string;
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
};

export interface RequestRepository {
  find(method: string, scope: string, requestId: string): Promise<RememberedRequest | undefined>;
  /** Remembers a request; one with the same key that is older than the retention is replaced. */
  remember(request: RememberedRequest): Promise<void>;
  /** Deletes requests created before `before`, at most `limit`; answers how many. */
  forget(before: number, limit: number): Promise<number>;
}
