/** Repetitions of one measurement: the middle one, and how far they lie apart. */
export type Sample = { readonly median: number; readonly least: number; readonly most: number };

export function sampleOf(values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: quantile(sorted, 0), most: quantile(sorted, 1) };
}

/** The value below which a share of the sorted values lies (nearest rank). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  const value = sorted[rank];
  if (value === undefined) throw new Error('no values');
  return value;
}

/** Whether no value of the one lies among those of the other: what differs less may be chance. */
export function areApart(a: Sample, b: Sample): boolean {
  return a.most < b.least || b.most < a.least;
}

/** Repetition by repetition: what was measured at the same time is held against each other. */
export function quotients(over: readonly number[], under: readonly number[]): readonly number[] {
  if (over.length !== under.length) throw new Error(`${over.length} values over ${under.length}`);
  return over.map((value, at) => value / (under[at] ?? Number.NaN));
}
