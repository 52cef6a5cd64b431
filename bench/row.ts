import { quotients, type Sample, sampleOf } from './statistics.ts';

/** What a figure can not be better than: that of a bare program that does only this. */
export type Limit = { readonly name: string; readonly figure: Sample };

/** Which figures are better: of rates and shares the larger ones, of times, sizes and counts the smaller ones. */
export type Better = 'MORE' | 'LESS';

/** One figure of the table. */
export type Row = {
  readonly work: string;
  /** Which figure of the work it is; none = the one that the work is about. */
  readonly part?: string | undefined;
  readonly unit: string;
  readonly better: Better;
  readonly figure: Sample;
  readonly limits: readonly Limit[];
  /** Share of the limit that is reached: 1 = as good as the bare programs. The lowest limit of rates, the sum of times. */
  readonly ratio?: Sample | undefined;
  /** Milliseconds of CPU time that the server takes for a call, hop or stage. */
  readonly cpuMs?: Sample | undefined;
  /** What the median must be: at least so much where more is better, at most where less is. */
  readonly target?: number | undefined;
};

/** A figure in its repetitions; those of a limit were measured beside the figure's. */
export type Measured = Pick<Row, 'work' | 'part' | 'unit' | 'target'> & {
  readonly values: readonly number[];
  readonly limits?: Readonly<Record<string, readonly number[]>> | undefined;
  readonly cpuMs?: readonly number[];
};

/** Something of which there is to be much: a rate, a share. */
export function rateRow(measured: Measured): Row {
  const limits = Object.values(measured.limits ?? {});
  const least = measured.values.map((_, at) => Math.min(...limits.map((values) => values[at] ?? Number.NaN)));
  return rowOf(measured, 'MORE', limits.length === 0 ? undefined : quotients(measured.values, least));
}

/** Something of which there is to be little: a time, a size, a count. */
export function costRow(measured: Measured): Row {
  const limits = Object.values(measured.limits ?? {});
  const sums = measured.values.map((_, at) => limits.reduce((sum, values) => sum + (values[at] ?? Number.NaN), 0));
  return rowOf(measured, 'LESS', limits.length === 0 ? undefined : quotients(sums, measured.values));
}

/** Whether the median is what it must be; undefined where nothing is asked of it. */
export function isReached({ better, figure, target }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  return better === 'MORE' ? figure.median >= target : figure.median <= target;
}

/** Names a figure among all that are measured. */
export function nameOf({ work, part }: Pick<Row, 'work' | 'part'>): string {
  return part === undefined ? work : `${work}: ${part}`;
}

/** What the limits make together: the lowest of rates, the sum of times; undefined where there are none. */
export function limitOf({ better, limits }: Row): { readonly name: string; readonly median: number } | undefined {
  if (limits.length === 0) return undefined;
  if (better === 'LESS') {
    const median = limits.reduce((sum, { figure }) => sum + figure.median, 0);
    return { name: limits.map(({ name }) => name).join(' + '), median };
  }
  const lowest = limits.reduce((low, limit) => (limit.figure.median < low.figure.median ? limit : low));
  return { name: lowest.name, median: lowest.figure.median };
}

function rowOf(measured: Measured, better: Better, ratios: readonly number[] | undefined): Row {
  const { work, part, unit, target, values, limits = {}, cpuMs } = measured;
  return {
    work,
    part,
    unit,
    better,
    figure: sampleOf(values),
    limits: Object.entries(limits).map(([name, of]) => ({ name, figure: sampleOf(of) })),
    ratio: ratios && sampleOf(ratios),
    cpuMs: cpuMs && sampleOf(cpuMs),
    target,
  };
}
