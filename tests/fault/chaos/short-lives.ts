import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from '../../support/server-process.ts';
import type { Dice } from '../dice.ts';

/** Starting takes about as long: the server dies while it opens the file, takes stock, or begins to serve. */
const LONGEST_START_MS = 1000;
const LONGEST_LIFE_MS = 2400;
const LONGEST_FREEZE_MS = 900;

/**
 * A server that serves for a while, may be frozen in it, and is killed; another one before it may have died while it
 * started. Answers when they were dead, in milliseconds since the epoch.
 */
export async function liveAndDie(start: () => ServerProcess, dice: Dice): Promise<readonly number[]> {
  const deaths: number[] = [];
  if (dice.chance(0.2)) {
    const stillborn = start();
    await Promise.race([delay(dice.below(LONGEST_START_MS)), stillborn.exit]);
    deaths.push(await kill(stillborn));
  }
  const server = start();
  await server.serving;
  if (dice.chance(0.3)) await freeze(server, dice);
  await delay(dice.below(LONGEST_LIFE_MS));
  return [...deaths, await kill(server)];
}

/** Lets a server live for a while, then stand still. */
export async function freeze(server: ServerProcess, dice: Dice): Promise<void> {
  await delay(dice.below(LONGEST_LIFE_MS / 2));
  server.kill('SIGSTOP');
  await delay(dice.below(LONGEST_FREEZE_MS));
  server.kill('SIGCONT');
}

async function kill(server: ServerProcess): Promise<number> {
  server.kill('SIGKILL');
  const { signal, code, stderr } = await server.exit;
  if (signal !== 'SIGKILL') throw new Error(`the server ended by itself with ${code}:\n${stderr}`);
  return Date.now();
}
