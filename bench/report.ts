import { availableParallelism } from 'node:os';
import type { Row } from './row.ts';

const HEADS = ['work', 'median', 'least – most', 'unit', 'must be', ''] as const;

/** The table for people. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [[...HEADS], ...rows.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...cells.map((line) => (line[column] ?? '').length)));
  return cells.map((line) => lineOf(line, widths)).join('\n');
}

/** The same for machines. */
export function jsonOf(rows: readonly Row[]): string {
  return JSON.stringify({ node: process.version, cores: availableParallelism(), rows }, null, 2);
}

function cellsOf({ work, unit, sample, target = '', isReached }: Row): string[] {
  const verdict = isReached === undefined ? '' : isReached ? 'yes' : 'NO';
  return [work, figure(sample.median), `${figure(sample.least)} – ${figure(sample.most)}`, unit, target, verdict];
}

/** Words to the left, figures to the right. */
function lineOf(line: readonly string[], widths: readonly number[]): string {
  return line
    .map((cell, column) =>
      column === 1 || column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    )
    .join('  ')
    .trimEnd();
}

function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
