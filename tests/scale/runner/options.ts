/** How the counting runner is started: the JSON of its only argument. */
export type RunnerOptions = {
  /** How long an execution takes, in milliseconds; 0 = it is answered at once. */
  readonly ms?: number;
  /** At how many addresses it serves StageRunner. */
  readonly addresses?: number;
  /** Pulls besides, as this registered runner, with never more than `atOnce` in hand. */
  readonly pull?: { readonly orchestrator: string; readonly runnerId: string; readonly atOnce: number };
};

/** What it counted since it was last asked. */
export type Count = {
  /** When each execution came: milliseconds since the epoch, with fractions. */
  readonly arrivals: readonly number[];
  /** The most that were under way at a time. */
  readonly most: number;
};
