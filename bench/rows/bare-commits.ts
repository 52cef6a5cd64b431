import { openWriter } from '../../src/storage/sqlite/connection.ts';
import { onBareDatabase, timed } from '../limits/bare-database.ts';
import { repeated } from '../load.ts';
import { costRow, type Row, rateRow } from '../row.ts';
import type { Scale } from '../scale.ts';

const UNITS_PER_COMMIT = 32;
const ROWS_PER_UNIT = 3;
const ROW_TEXT = 'a row of about the usual size, forty bytes';

/** What the disk and SQLite can do by themselves: a commit of one row, and units of three rows, many to a commit. */
export async function bareCommits({ repetitions, bareCalls }: Scale): Promise<readonly Row[]> {
  const rounds = await repeated(repetitions, async () => {
    const singles = bareCalls / 4;
    const singlesMs = await bareMs(singles, 1);
    const units = await bareMs(bareCalls / UNITS_PER_COMMIT, UNITS_PER_COMMIT * ROWS_PER_UNIT);
    return { commitMs: singlesMs / singles, unitsPerSecond: (bareCalls / units) * 1000 };
  });
  const grouped = `bare SQLite, ${UNITS_PER_COMMIT} units of ${ROWS_PER_UNIT} rows a commit`;
  return [
    costRow({ work: 'bare SQLite, a commit of one row', unit: 'ms', values: rounds.map(({ commitMs }) => commitMs) }),
    rateRow({ work: grouped, unit: 'units/s', values: rounds.map(({ unitsPerSecond }) => unitsPerSecond) }),
  ];
}

function bareMs(commits: number, rows: number): Promise<number> {
  return onBareDatabase(openWriter, (database) => {
    database.exec('CREATE TABLE bare (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL) STRICT');
    const insert = database.prepare('INSERT INTO bare (a, b) VALUES (?, ?)');
    const commit = database.transaction(() => {
      for (let done = 0; done < rows; done++) insert.run(ROW_TEXT, ROW_TEXT);
    });
    return timed(() => {
      for (let done = 0; done < commits; done++) commit.immediate();
    });
  });
}
