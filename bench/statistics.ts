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
