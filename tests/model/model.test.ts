import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seedFrom } from '../fault/dice.ts';
import { effort } from '../support/effort.ts';
import { scratchFolder } from '../support/scratch.ts';
import { allCells, Cells } from './cells.ts';
import { directedRuns } from './directed/directed-runs.ts';
import { RealSide } from './real-side.ts';
import { Run, type Tally } from './run.ts';

const RUNS = effort(1000, 21_000);
const RUNS_ON_FILES = effort(10, 1000);
const LONGEST_RUN = 100;
/** How long a shorter run is looked for that fails as well. */
const SHRINKING_MS = 30_000;
const TIMEOUT_MS = effort(400_000, 14_400_000);

test('the service does what the model of semantics.md says, whatever it is asked', {
  timeout: TIMEOUT_MS,
}, async () => {
  const seed = seedFrom('MODEL_SEED');
  const began = performance.now();
  const tally: Tally = { commands: 0, accepted: 0, refused: 0, answersRead: 0, cells: new Cells() };

  const replayed = process.env.MODEL_PATH;
  if (replayed !== undefined) {
    await agree(seed, 1, tally, async () => ':memory:', replayed);
    return;
  }
  await runDirected(tally);
  const { numRuns } = await agree(seed, RUNS, tally, async () => ':memory:');
  const onFiles = await agree(seed + 1, RUNS_ON_FILES, tally, async () => join(await scratchFolder(), 'model.db'));

  const missing = tally.cells.below(1);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `model: seed ${seed}, ${numRuns} runs in memory, ${onFiles.numRuns} on a file, ${tally.commands} commands, ` +
      `${tally.accepted} accepted, ${tally.refused} refused, ${tally.answersRead} answers read again, ` +
      `${allCells.length - missing.length} of ${allCells.length} cells, ${seconds} s`,
  );
  expect(tally.commands).toBeGreaterThan(effort(40_000, 1_000_000));
  expect(missing, 'cells that were never reached').toEqual([]);
});

async function runDirected(tally: Tally): Promise<void> {
  const real = await running(':memory:');
  for (let at = 0; ; at++) {
    const run = await Run.begin(real, tally);
    const commands = directedRuns(run.planId)[at];
    if (commands === undefined) break;
    for (const command of commands) await run.do(command);
    await run.end();
  }
  await real.stop();
  await real.close();
}

/**
 * So many runs of commands by chance, all on one storage, since plans have nothing to do with each other; or the one that
 * an earlier failure named.
 */
async function agree(seed: number, numRuns: number, tally: Tally, path: () => Promise<string>, replayed?: string) {
  let real = await running(await path());
  // A number stands for a command, by what there is at its turn; leaving some out is all that makes a run simpler.
  const command = fc.noShrink(fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const anyRun = fc.array(command, { maxLength: LONGEST_RUN, size: 'max' });
  let giveUpAt = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(anyRun, async (seeds) => {
    if (performance.now() > giveUpAt) return;
    const run = await Run.begin(real, tally);
    try {
      for (const each of seeds) await run.step(each);
      await run.end();
    } catch (error) {
      // What is left of this run must not disturb those that look for a shorter one.
      real = await running(await path());
      giveUpAt = Math.min(giveUpAt, performance.now() + SHRINKING_MS);
      throw error;
    }
  });
  const result = await fc.check(property, {
    seed,
    numRuns,
    ...(replayed !== undefined && { path: replayed, endOnFailure: true }),
  });
  await real.stop();
  await real.close();
  const { failed, counterexamplePath, numShrinks, errorInstance } = result;
  expect(
    failed,
    `after ${numShrinks} shrinks, MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath}\n${errorInstance}`,
  ).toBe(false);
  return result;
}

async function running(path: string): Promise<RealSide> {
  const real = new RealSide(path);
  await real.start();
  return real;
}
