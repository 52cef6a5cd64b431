import type { Results } from './results.ts';
import { nameOf, type Row } from './row.ts';
import { areApart, type Sample } from './statistics.ts';
import { type Column, figure, textTable } from './text-table.ts';

/** What became of a figure from one run to another; changes in percent, none of what was nothing before. */
export type Change = {
  readonly name: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  readonly change?: number | undefined;
  /** Of the share of the limit: what is left of a change when the machine itself was slower or faster. */
  readonly ratioChange?: number | undefined;
  readonly cpuChange?: number | undefined;
  /** NONE: the repetitions of both runs overlap. */
  readonly verdict: 'BETTER' | 'WORSE' | 'NONE';
};

/** What was measured in both runs, at the same size and in the same unit, in the order of the later one. */
export function compare(before: Results, after: Results): readonly Change[] {
  const earlier = new Map(before.rows.map((row) => [nameOf(row), row]));
  return after.rows.flatMap((row) => {
    const old = earlier.get(nameOf(row));
    return old === undefined || old.unit !== row.unit ? [] : [changeOf(old, row)];
  });
}

/** In what else the runs differ, so that figures may differ for it too. */
export function differences(before: Results, after: Results): readonly string[] {
  const was = traitsOf(before);
  return Object.entries(traitsOf(after)).flatMap(([name, now]) =>
    was[name] === now ? [] : [`${name} was ${was[name]}, is ${now}`],
  );
}

/** The table for people. */
export function comparisonText(changes: readonly Change[], different: readonly string[]): string {
  const notes = different.map((difference) => `Note: the runs differ: ${difference}.`);
  if (changes.length === 0) return ['Nothing was measured in both runs.', ...notes].join('\n');
  const lines = changes.map(({ name, unit, before, after, change, ratioChange, cpuChange, verdict }) => [
    name,
    figure(before),
    figure(after),
    unit,
    percent(change),
    percent(ratioChange),
    percent(cpuChange),
    verdictText[verdict],
  ]);
  return [textTable(COLUMNS, lines), ...notes].join('\n');
}

const COLUMNS: readonly Column[] = [
  { head: 'work', align: 'LEFT' },
  { head: 'before', align: 'RIGHT' },
  { head: 'after', align: 'RIGHT' },
  { head: 'unit', align: 'LEFT' },
  { head: 'change', align: 'RIGHT' },
  { head: 'of ratio', align: 'RIGHT' },
  { head: 'of CPU', align: 'RIGHT' },
  { head: 'beyond the spread', align: 'LEFT' },
];

const verdictText: Readonly<Record<Change['verdict'], string>> = { BETTER: 'better', WORSE: 'WORSE', NONE: '' };

function traitsOf({ machine, quick }: Results): Readonly<Record<string, string>> {
  const { cpu, cores, memoryGiB, kernel, fileSystem, node, sqlite } = machine;
  const traits = { cpu, cores, memoryGiB, kernel, fileSystem, node, sqlite, quick };
  return Object.fromEntries(Object.entries(traits).map(([name, value]) => [name, String(value)]));
}

function changeOf(old: Row, row: Row): Change {
  return {
    name: nameOf(row),
    unit: row.unit,
    before: old.figure.median,
    after: row.figure.median,
    change: percentOf(old.figure, row.figure),
    ratioChange: old.ratio && row.ratio && percentOf(old.ratio, row.ratio),
    cpuChange: old.cpuMs && row.cpuMs && percentOf(old.cpuMs, row.cpuMs),
    verdict: verdictOf(old, row),
  };
}

function verdictOf(old: Row, { better, figure: now }: Row): Change['verdict'] {
  if (!areApart(old.figure, now)) return 'NONE';
  return now.median > old.figure.median === (better === 'MORE') ? 'BETTER' : 'WORSE';
}

function percentOf(before: Sample, after: Sample): number | undefined {
  if (before.median === 0) return undefined;
  return (after.median / before.median - 1) * 100;
}

function percent(change: number | undefined): string {
  if (change === undefined) return '';
  return `${change > 0 ? '+' : ''}${change.toFixed(1)} %`;
}
