type Include = { readonly includeChecks: boolean; readonly includeStages: boolean };

/** Neither flag set means both. */
export function bothUnlessOne<T extends Include>(request: T): T {
  if (request.includeChecks || request.includeStages) return request;
  return { ...request, includeChecks: true, includeStages: true };
}
