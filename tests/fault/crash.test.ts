import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { findViolations } from '../support/invariants.ts';
import { RpcError } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { CrashRig, type KillPoint } from './crash/crash-rig.ts';
import { readHistory } from './crash/history.ts';
import { Dice, seedFrom } from './dice.ts';
import { launch } from './serve.ts';

const CYCLES = 20;
const LEAST_WRITES = 200;

/** Starting takes about as long: the server dies while it opens the file, migrates, recovers, or begins to serve. */
const LONGEST_START_MS = 600;

test(`kill -9 during a stream of writes, ${CYCLES} times on one file: nothing acknowledged is lost, nothing is half written`, {
  timeout: 180_000,
}, async () => {
  const dice = new Dice(seedFrom('CRASH_SEED'));
  const path = join(await scratchFolder(), 'crash.db');
  const rig = new CrashRig(dice.fork());
  const unanswered: string[] = [];

  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    if (dice.chance(0.3)) await dieWhileStarting(path, dice.below(LONGEST_START_MS));
    const server = launch(path);
    const address = await server.serving;
    expect(faultsOf(path, rig), `cycle ${cycle}, after the restart`).toEqual([]);

    rig.connect(address);
    await rig.settle();
    expect(await rig.repeatSome(10), `cycle ${cycle}, requests sent again`).toEqual([]);

    const before = rig.ledger.acknowledgedCount;
    const errors = await rig.runUntilKilled(killPoint(dice), () => server.kill('SIGKILL'));
    expect(new Set(errors.map((error) => (error instanceof RpcError ? error.code : error)))).toEqual(
      new Set(['UNAVAILABLE']),
    );
    expect((await server.exit).signal).toBe('SIGKILL');
    expect(rig.ledger.acknowledgedCount - before).toBeGreaterThanOrEqual(LEAST_WRITES);
    unanswered.push(...rig.unanswered);
  }

  const server = launch(path);
  await server.serving;
  expect(faultsOf(path, rig), 'after the last restart').toEqual([]);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(faultsOf(path, rig), 'after the end').toEqual([]);
  rig.close();
  const { writes } = readHistory(path);
  const kept = unanswered.filter((tag) => writes.has(tag)).length;
  console.log(
    `${CYCLES} kills, ${rig.ledger.acknowledgedCount} writes acknowledged, ${unanswered.length} cut, ${kept} of them kept`,
  );
  // Without writes in flight the kills would have missed what this test is about.
  expect(unanswered.length).toBeGreaterThan(CYCLES);
});

function killPoint(dice: Dice): KillPoint {
  return {
    acknowledged: LEAST_WRITES + dice.below(LEAST_WRITES),
    sent: dice.chance(0.5) ? 0 : 1 + dice.below(16),
    delayMs: dice.chance(0.5) ? 0 : 1 + dice.below(5),
  };
}

async function dieWhileStarting(path: string, afterMs: number): Promise<void> {
  const server = launch(path);
  await Promise.race([delay(afterMs), server.exit]);
  server.kill('SIGKILL');
  await server.exit;
}

/** Whatever in the file breaks an invariant or contradicts the clients. */
function faultsOf(path: string, rig: CrashRig): readonly unknown[] {
  return [...findViolations(path), ...rig.ledger.contradictions(readHistory(path))];
}
