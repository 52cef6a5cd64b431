import { parseArgs } from 'node:util';
import { type Bench, chosenBenches } from './benches.ts';
import { compare, comparisonText, differences } from './comparison.ts';
import { readMachine } from './machine.ts';
import { notesOn } from './notes.ts';
import { textOf } from './report.ts';
import { jsonOf, type Results, readResults } from './results.ts';
import type { Row } from './row.ts';
import { full, quick } from './scale.ts';
import { UsageError } from './usage-error.ts';

/*
 * npm run bench [-- --quick] [--json] [--only NAME]… [--against FILE]
 *
 * Measures a server in a process of its own, on a database file, against what it must reach and against the limits of
 * what it is built on, taken in the same run: docs/benchmarks.md.
 */
type Options = {
  readonly isQuick: boolean;
  readonly isJson: boolean;
  readonly only: string[];
  readonly against?: Results;
};

async function main({ isQuick, isJson, only, against }: Options): Promise<void> {
  const chosen = chosenBenches(only);
  const machine = readMachine();
  const rows = await measure(chosen, isQuick);
  const results: Results = {
    machine,
    quick: isQuick,
    notes: notesOn(
      machine,
      chosen.map(([name]) => name),
    ),
    rows,
  };
  if (isJson) console.log(jsonOf(results));
  else console.log(textOf(results));
  if (against === undefined) return;
  const table = comparisonText(compare(against, results), differences(against, results));
  // What machines read stays what it is.
  if (isJson) process.stderr.write(`${table}\n`);
  else console.log(`\n${table}`);
}

async function measure(benches: readonly (readonly [string, Bench])[], isQuick: boolean): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [name, bench] of benches) {
    const startedAt = performance.now();
    process.stderr.write(`${name} … `);
    rows.push(...(await bench(isQuick ? quick : full)));
    process.stderr.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
  }
  return rows;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      against: { type: 'string' },
    },
  });
  const { quick: isQuick, json: isJson, only, against } = values;
  return { isQuick, isJson, only, ...(against === undefined ? {} : { against: readResults(against) }) };
}

try {
  await main(readOptions());
} catch (error) {
  console.error(error instanceof UsageError ? `bench: ${error.message}` : error);
  // What a failed measurement started may still run, and would keep this process from ending.
  process.exit(1);
}
