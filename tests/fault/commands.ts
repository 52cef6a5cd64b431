import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { waitFor } from '../support/wait-for.ts';
import type { Env, Served } from './serve.ts';

/** A server so configured executes commands, and retries them at once. */
export const EXECUTES: Env = { TURBOCI_PROCESS_EXECUTOR: 'on', BACKOFF_INITIAL: '1ms' };

/** Writes a stage that runs a command. */
export function writeCommand(api: Served['api'], workPlanId: string, id: string, command: string, maxAttempts = 2) {
  const stage = { id, runnerType: 'builtin/process', args: { command }, executionPolicy: { maxAttempts } };
  return api.writeNodes({ workPlanId, stages: [stage] });
}

/** The process id that a command wrote into a file when it started. */
export function commandPid(file: string): Promise<number> {
  return waitFor('the command to start', async () => {
    return existsSync(file) && Number.parseInt(await readFile(file, 'utf8'), 10);
  });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
