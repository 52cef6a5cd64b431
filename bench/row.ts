import type { Sample } from './statistics.ts';

/** How much is measured. */
export type Scale = {
  readonly repetitions: number;
  readonly calls: number;
  readonly nodes: number;
  readonly fanIn: number;
  readonly chain: number;
  /** Stages of the chain that a runner executes. */
  readonly runnerChain: number;
  /** Plans of ten stages in a row. */
  readonly plans: number;
  /** Stages of the fan-outs. */
  readonly fanOuts: readonly number[];
};

/** One figure of the table. */
export type Row = {
  readonly work: string;
  readonly unit: string;
  readonly sample: Sample;
  /** What it must reach, in words; none for figures that the others are held against. */
  readonly target?: string;
  /** Whether the median reaches it. */
  readonly isReached?: boolean;
};

/** A row that must be at least, or at most, so much. */
export function row(
  work: string,
  unit: string,
  sample: Sample,
  bound: { readonly atLeast: number } | { readonly atMost: number } | undefined = undefined,
): Row {
  if (bound === undefined) return { work, unit, sample };
  if ('atLeast' in bound) {
    const target = `≥ ${bound.atLeast.toLocaleString('en')}`;
    return { work, unit, sample, target, isReached: sample.median >= bound.atLeast };
  }
  const target = `≤ ${bound.atMost.toLocaleString('en')}`;
  return { work, unit, sample, target, isReached: sample.median <= bound.atMost };
}
