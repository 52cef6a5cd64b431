/** Bounds of what the server accepts and keeps (semantics, section 11). Sizes in bytes, waits in milliseconds. */
export type Limits = {
  readonly idBytes: number;
  readonly requestIdChars: number;
  readonly metadataPairs: number;
  readonly metadataKeyBytes: number;
  readonly metadataValueBytes: number;
  readonly messageBytes: number;
  readonly nodesPerWrite: number;
  readonly nodesPerPlan: number;
  readonly edgesPerNode: number;
  readonly groupDepth: number;
  readonly jsonDepth: number;
  readonly jsonBytes: number;
  readonly resultsPerCheck: number;
  readonly progressPerAttempt: number;
  readonly processLogBytes: number;
  readonly watchers: number;
  /** Events that a live watcher may be behind while it does not read, before it is cut. */
  readonly watchBacklog: number;
  readonly pageSize: number;
  /** Registrations of runners. */
  readonly runners: number;
  /** Calls of runners that wait for work. */
  readonly pullers: number;
  /** Units of work that may wait for the writer. */
  readonly writeQueue: number;
};

export const defaultLimits: Limits = {
  idBytes: 256,
  requestIdChars: 64,
  metadataPairs: 64,
  metadataKeyBytes: 256,
  metadataValueBytes: 4096,
  messageBytes: 16 * 1024 * 1024,
  nodesPerWrite: 20_000,
  nodesPerPlan: 200_000,
  edgesPerNode: 10_000,
  groupDepth: 16,
  jsonDepth: 64,
  jsonBytes: 1024 * 1024,
  resultsPerCheck: 1000,
  progressPerAttempt: 1000,
  processLogBytes: 64 * 1024 * 1024,
  watchers: 1000,
  watchBacklog: 4096,
  pageSize: 10_000,
  runners: 10_000,
  pullers: 10_000,
  writeQueue: 10_000,
};
