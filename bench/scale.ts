/** How much is measured. */
export type Scale = {
  readonly repetitions: number;
  /** Calls of a throughput, and how many of them are written by the bare program. */
  readonly calls: number;
  readonly bareCalls: number;
  /** Nodes of a large write. */
  readonly nodes: number;
  /** Large writes that run while small ones go on. */
  readonly largeWrites: number;
  /** Checks that a stage waits for. */
  readonly fanIn: number;
  /** Stages in a row, executed in the server. */
  readonly chain: number;
  /** Stages in a row, executed by a runner; and how many such chains run before one is measured. */
  readonly runnerChain: number;
  readonly warmUpChains: number;
  /** Plans of ten stages in a row. */
  readonly plans: number;
  /** Stages of the fan-outs. */
  readonly fanOuts: readonly number[];
  /** Stages that wait in vain while others run: in so many plans, so many in each. */
  readonly backlog: { readonly plans: number; readonly stages: number; readonly ready: number };
  /** Stages of each round after which memory is looked at. */
  readonly memoryStages: number;
};

export const full: Scale = {
  repetitions: 3,
  calls: 20_000,
  bareCalls: 4000,
  nodes: 10_000,
  largeWrites: 5,
  fanIn: 600,
  chain: 200,
  runnerChain: 100,
  warmUpChains: 10,
  plans: 500,
  fanOuts: [1000, 5000],
  backlog: { plans: 5, stages: 20_000, ready: 5000 },
  memoryStages: 1000,
};

/** Enough to see that everything runs, and large changes. */
export const quick: Scale = {
  repetitions: 3,
  calls: 1200,
  bareCalls: 320,
  nodes: 2000,
  largeWrites: 3,
  fanIn: 100,
  chain: 100,
  runnerChain: 50,
  warmUpChains: 1,
  plans: 50,
  fanOuts: [250, 500],
  backlog: { plans: 2, stages: 5000, ready: 500 },
  memoryStages: 250,
};
