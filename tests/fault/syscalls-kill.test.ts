import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TestClient, turboci } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { scratchFolder } from '../support/scratch.ts';
import { within } from '../support/wait-for.ts';
import { CrashRig } from './crash/crash-rig.ts';
import { codesOf, faultsOf } from './crash/faults-of.ts';
import { endWell, quickStart, removeDatabase } from './crash/lives.ts';
import { Dice, seedFrom } from './dice.ts';
import { type Env, launch } from './serve.ts';
import { createPlan } from './stages.ts';
import { filesOf, type Injection, launchInjected, tracingObstacle } from './syscalls/strace.ts';

const obstacle = tracingObstacle();

/** Creating the schema, and ending at once, takes about so many calls. */
const CALLS_OF_A_FIRST_LIFE = { pwrite64: 140, fsync: 7, unlink: 2 } as const;

const STARTS = effort(6, 300);

test(`killed at a system call of its first, idle life, ${STARTS} times: the next start makes a whole database of it`, {
  timeout: effort(60_000, 3_600_000),
}, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const dice = new Dice(seedFrom('START_KILL_SEED'));
  const folder = await scratchFolder();
  const env = await quickStart(folder);
  let killed = 0;
  for (let start = 1; start <= STARTS; start++) {
    const path = join(folder, `start-${start}.db`);
    const call = dice.pick(['pwrite64', 'pwrite64', 'fsync', 'fsync', 'unlink'] as const);
    const injection = killAt(call, filesOf(path), 1 + dice.below(CALLS_OF_A_FIRST_LIFE[call]));
    const server = launchInjected(path, env, injection);
    await Promise.allSettled([server.serving]);
    server.kill('SIGTERM');
    if ((await server.exit).signal === 'SIGKILL') killed += 1;

    const next = launch(path, env);
    const client = new TestClient(await next.serving);
    expect(findViolations(path), nameOf(injection)).toEqual([]);
    await createPlan(turboci(client));
    client.close();
    next.kill('SIGTERM');
    expect((await next.exit).code).toBe(0);
    expect(findViolations(path), nameOf(injection)).toEqual([]);
    await removeDatabase(path);
  }
  console.log(`${killed} of ${STARTS} first lives cut at a system call, every next server served`);
  expect(killed).toBeGreaterThan(STARTS / 2);
});

const LIVES = effort(12, 800);
const LIVES_PER_FILE = 12;

test(`killed at a system call under load, in a checkpoint or at the end, ${LIVES} times: nothing acknowledged is lost`, {
  timeout: effort(120_000, 2 * 3_600_000),
}, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const dice = new Dice(seedFrom('CALL_KILL_SEED'));
  const folder = await scratchFolder();
  const env = await quickStart(folder);
  const killed: Record<Moment, number> = { load: 0, checkpoint: 0, end: 0 };
  let acknowledged = 0;
  for (let lives = 0; lives < LIVES; lives += LIVES_PER_FILE) {
    const path = join(folder, `kill-${lives}.db`);
    const rig = new CrashRig(dice.fork());
    for (let life = 0; life < Math.min(LIVES_PER_FILE, LIVES - lives); life++) {
      const moment = MOMENTS[life % MOMENTS.length] ?? 'load';
      const injection = INJECTIONS[moment](path, dice);
      const exit = await live(path, env, rig, moment, injection);
      if (exit.signal === 'SIGKILL') killed[moment] += 1;
      else expect(exit.code, nameOf(injection)).toBe(0);
    }
    await endWell(path, rig, env);
    acknowledged += rig.ledger.acknowledgedCount;
    await removeDatabase(path);
  }
  const kills = Object.entries(killed).map(([moment, count]) => `${count} (${moment})`);
  console.log(`killed at a system call: ${kills.join(', ')}; ${acknowledged} writes acknowledged, nothing lost`);
  for (const [moment, count] of Object.entries(killed)) expect(count, moment).toBeGreaterThan(0);
});

/** Under strace, on a busy machine. */
const ENDS_WITHIN_MS = 60_000;

const WRITES_BEFORE_THE_END = 100;

type Moment = 'load' | 'checkpoint' | 'end';

const MOMENTS: readonly Moment[] = ['load', 'checkpoint', 'load', 'end'];

/** The database itself is written by checkpoints only: when the WAL has grown long, and at the end. */
const INJECTIONS: Readonly<Record<Moment, (path: string, dice: Dice) => Injection>> = {
  load: (path, dice) =>
    dice.chance(0.6)
      ? killAt('pwrite64', [`${path}-wal`], 1 + dice.below(effort(3000, 12_000)))
      : killAt('fsync', [`${path}-wal`], 1 + dice.below(80)),
  checkpoint: (path, dice) =>
    dice.chance(0.8) ? killAt('pwrite64', [path], 3 + dice.below(200)) : killAt('fsync', [path], 2),
  end: (path, dice) =>
    dice.pick([
      killAt('pwrite64', [path], 3 + dice.below(60)),
      killAt('fsync', [path], 1),
      killAt('unlink', [`${path}-wal`], 1),
    ]),
};

/** One life of a server: it starts on what the last one left, is held against the ledger, and dies as it must. */
async function live(path: string, env: Env, rig: CrashRig, moment: Moment, injection: Injection) {
  const server = launchInjected(path, env, injection);
  const address = await server.serving.catch(() => undefined);
  if (address === undefined) return server.exit;
  expect(faultsOf(path, rig), `after the restart, before ${nameOf(injection)}`).toEqual([]);
  rig.connect(address);
  const writes = moment === 'end' ? WRITES_BEFORE_THE_END : undefined;
  const errors = await rig.runUntilGone(writes, () => server.kill('SIGTERM'));
  expect(codesOf(errors), nameOf(injection)).toEqual(['UNAVAILABLE']);
  return within(`the server to end: ${nameOf(injection)}`, server.exit, ENDS_WITHIN_MS);
}

function killAt(call: Injection['call'], files: readonly string[], count: number): Injection {
  return { call, files, when: `${count}`, effect: 'signal=KILL' };
}

function nameOf({ call, when, files }: Injection): string {
  return `${call} ${when} of ${files.join(', ')}`;
}
