/** The three ways in which runners get work: how stages and runners of each are made. */
export const ways = [
  { way: 'Run', mode: 'sync', options: {} },
  { way: 'RunAsync', mode: 'async', options: {} },
  { way: 'Acquire', mode: 'sync', options: { serves: false, pullWaitMs: 10_000 } },
] as const;
