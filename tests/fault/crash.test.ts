import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { effort } from '../support/effort.ts';
import { scratchFolder } from '../support/scratch.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { CLIENTS, CrashRig, type KillPoint } from './crash/crash-rig.ts';
import { codesOf, faultsOf } from './crash/faults-of.ts';
import { readHistory } from './crash/history.ts';
import { endWell, quickStart, removeDatabase } from './crash/lives.ts';
import { Dice, seedFrom } from './dice.ts';
import { type Env, launch } from './serve.ts';

const KILLS = effort(50, 2000);
/** Then comes a new file: holding all of it against the ledger takes longer each time. */
const KILLS_PER_FILE = 10;
const LEAST_WRITES = 60;
const REPEATED = 10;

/** Starting takes about as long: the server dies while it opens the file, migrates, recovers, or begins to serve. */
const LONGEST_START_MS = 400;

test(`kill -9 during a stream of writes of ${CLIENTS} clients, ${KILLS} times: nothing acknowledged is lost, nothing is half written`, {
  timeout: effort(240_000, 4 * 3_600_000),
}, async () => {
  const dice = new Dice(seedFrom('CRASH_SEED'));
  const folder = await scratchFolder();
  const env = await quickStart(folder);
  const sum = { acknowledged: 0, cut: 0, kept: 0, repeated: 0, duringStart: 0 };
  for (let kills = 0; kills < KILLS; kills += KILLS_PER_FILE) {
    const path = join(folder, `crash-${kills}.db`);
    const rig = new CrashRig(dice.fork());
    const unanswered: string[] = [];
    for (let cycle = kills + 1; cycle <= Math.min(kills + KILLS_PER_FILE, KILLS); cycle++) {
      if (dice.chance(0.3)) {
        await dieWhileStarting(launch(path, env), dice.below(LONGEST_START_MS));
        sum.duringStart += 1;
      }
      sum.repeated += await live({ path, rig, dice, env }, `kill ${cycle}`);
      unanswered.push(...rig.unanswered);
    }
    await endWell(path, rig, env);
    const { writes } = readHistory(path);
    sum.acknowledged += rig.ledger.acknowledgedCount;
    sum.cut += unanswered.length;
    sum.kept += unanswered.filter((tag) => writes.has(tag)).length;
    await removeDatabase(path);
  }
  console.log(
    `${KILLS} kills under load, ${sum.duringStart} during the start: ${sum.acknowledged} writes acknowledged, ` +
      `${sum.cut} cut, ${sum.kept} of them kept, ${sum.repeated} repeated, nothing lost`,
  );
  // Without writes in flight the kills would have missed what this test is about.
  expect(sum.cut).toBeGreaterThan(KILLS);
});

type Life = { readonly path: string; readonly rig: CrashRig; readonly dice: Dice; readonly env: Env };

/** One life of a server: it starts on what the last one left, is held against the ledger, and dies under load. */
async function live({ path, rig, dice, env }: Life, name: string): Promise<number> {
  const server = launch(path, env);
  const address = await server.serving;
  expect(faultsOf(path, rig), `before ${name}, after the restart`).toEqual([]);
  rig.connect(address);
  await rig.settle();
  expect(await rig.repeatSome(REPEATED), `before ${name}, requests sent again`).toEqual([]);

  const before = rig.ledger.acknowledgedCount;
  const errors = await rig.runUntilKilled(killPoint(dice), () => server.kill('SIGKILL'));
  expect(codesOf(errors), name).toEqual(['UNAVAILABLE']);
  expect((await server.exit).signal).toBe('SIGKILL');
  expect(rig.ledger.acknowledgedCount - before).toBeGreaterThanOrEqual(LEAST_WRITES);
  return before === 0 ? 0 : REPEATED;
}

function killPoint(dice: Dice): KillPoint {
  return {
    acknowledged: LEAST_WRITES + dice.below(LEAST_WRITES),
    sent: dice.chance(0.5) ? 0 : 1 + dice.below(16),
    delayMs: dice.chance(0.5) ? 0 : 1 + dice.below(5),
  };
}

async function dieWhileStarting(server: ServerProcess, afterMs: number): Promise<void> {
  await Promise.race([delay(afterMs), server.exit]);
  server.kill('SIGKILL');
  await server.exit;
}
