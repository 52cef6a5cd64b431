import type { Machine } from '../../bench/machine.ts';
import type { Results } from '../../bench/results.ts';
import { type Measured, type Row, rateRow } from '../../bench/row.ts';

/** A machine that nobody has. */
export const machine: Machine = {
  cpu: 'Abacus',
  cores: 2,
  memoryGiB: 4,
  kernel: 'Linux 6.1',
  fileSystem: 'ext4',
  node: 'v24.1.0',
  sqlite: '3.54.1',
  commit: 'abc1234',
  date: '2026-01-02T03:04:05.000Z',
  loadBefore: 0.5,
};

/** A rate. */
export function aRow(measured: Partial<Measured> = {}): Row {
  return rateRow({ work: 'calls', unit: 'calls/s', values: [90, 100, 110], ...measured });
}

/** A run with these rows. */
export function aRun(rows: readonly Row[], of: Partial<Results> = {}): Results {
  return { machine, quick: false, notes: {}, rows, ...of };
}
