/**
 * Plants bugs in copies of the tree and looks whether the tests that are to catch them do: `npm run test:canaries`, or
 * `npm run test:canaries -- NAME…` for some. Exit status 1 if one survives.
 */
import type { Canary } from '../tests/canaries/canary.ts';
import { canaries } from '../tests/canaries/planted.ts';
import { tryCanaries, type Verdict } from '../tests/canaries/trial.ts';

const AT_ONCE = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !canaries.some((canary) => canary.name === name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; the canaries are ${canaries.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const chosen = canaries.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const width = Math.max(...chosen.map(({ name }) => name.length));
  console.log(row('canary'.padEnd(width), 'P', '    s', 'caught by'));
  const verdicts = await tryCanaries(chosen, AT_ONCE, (verdict) => console.log(line(verdict, width)));
  const caught = verdicts.filter(({ isCaught }) => isCaught).length;
  console.log(`${caught} of ${chosen.length} canaries caught`);
  return caught === chosen.length ? 0 : 1;
}

function line({ canary, isCaught, problem, caughtBy, seconds }: Verdict, width: number): string {
  const found = isCaught ? caughtBy.join('; ') : `NOT CAUGHT: ${problem}`;
  return row(canary.name.padEnd(width), canary.promise, seconds.toFixed(1).padStart(5), found);
}

function row(name: string, promise: Canary['promise'] | 'P', seconds: string, found: string): string {
  return `${name}  ${promise.padEnd(3)}  ${seconds}  ${found}`;
}
