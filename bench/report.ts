import type { Results } from './results.ts';
import { isReached, limitOf, nameOf, type Row } from './row.ts';
import type { Sample } from './statistics.ts';
import { type Column, figure, markdownTable, textTable } from './text-table.ts';

const COLUMNS: readonly Column[] = [
  { head: 'work', align: 'LEFT' },
  { head: 'ratio', align: 'RIGHT' },
  { head: 'median', align: 'RIGHT' },
  { head: 'least – most', align: 'RIGHT' },
  { head: 'unit', align: 'LEFT' },
  { head: 'must be', align: 'LEFT' },
  { head: 'is', align: 'LEFT' },
  { head: 'CPU ms', align: 'RIGHT' },
  { head: 'limit', align: 'RIGHT' },
  { head: 'held against', align: 'LEFT' },
];

/** The table for people, and what it was measured on. */
export function textOf({ machine, notes, rows }: Results): string {
  const lines = rows.map((row) => cellsOf(row.part === undefined ? row.work : `  ${row.part}`, row));
  const on = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  return [textTable(COLUMNS, lines), '', on.join(', '), ...notesOf(notes)].join('\n');
}

/** The same for docs/. */
export function markdownOf({ machine, quick, notes, rows }: Results): string {
  const { cpu, cores, memoryGiB, kernel, fileSystem, node, sqlite, commit, date, loadBefore } = machine;
  const lines = rows.map((row) => cellsOf(nameOf(row), row));
  const on = [
    `${quick ? 'A quick run' : 'Run'} of ${date.slice(0, 10)} at commit ${commit}.`,
    `Machine: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, database on ${fileSystem}.`,
    `Node ${node.replace(/^v/, '')}, SQLite ${sqlite}.`,
    `Load average before the run: ${loadBefore}.`,
  ];
  const words = [...on, ...notesOf(notes)].map((line) => `- ${line}`);
  return [...words, '', markdownTable(COLUMNS, lines)].join('\n');
}

function notesOf(notes: Results['notes']): readonly string[] {
  return Object.values(notes).map((note) => `Note: ${note}.`);
}

function cellsOf(name: string, row: Row): readonly string[] {
  const limit = limitOf(row);
  return [
    name,
    row.ratio === undefined ? '' : ratioText(row.ratio),
    figure(row.figure.median),
    `${figure(row.figure.least)} – ${figure(row.figure.most)}`,
    row.unit,
    targetText(row),
    verdictOf(row),
    row.cpuMs === undefined ? '' : figure(row.cpuMs.median),
    limit === undefined ? '' : figure(limit.median),
    limit?.name ?? '',
  ];
}

function ratioText({ median, least, most }: Sample): string {
  return `${median.toFixed(2)} (${least.toFixed(2)} – ${most.toFixed(2)})`;
}

function targetText({ better, target }: Row): string {
  return target === undefined ? '' : `${better === 'MORE' ? '≥' : '≤'} ${target.toLocaleString('en')}`;
}

function verdictOf(row: Row): string {
  switch (isReached(row)) {
    case undefined:
      return '';
    case true:
      return 'yes';
    case false:
      return 'NO';
  }
}
