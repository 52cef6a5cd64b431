import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Dice } from '../dice.ts';
import { type LogEntry, readLog } from './log.ts';
import { MEMBERS } from './members.ts';
import type { RunnerOptions } from './runner/options.ts';

const MAIN = fileURLToPath(new URL('./runner/main.ts', import.meta.url));
const LONGEST_ABSENCE_MS = 800;
const LONGEST_PEACE_MS = 4000;
const LONGEST_FREEZE_MS = 2500;

/** A process that did not run for a while, or has ended; milliseconds since the epoch. */
export type Absence = { readonly pid: number; readonly from: number; readonly to: number };

type Init = { readonly folder: string; readonly orchestrator: string; readonly dice: Dice };

/** The runner processes. Whichever ends is started again, until the fleet goes home. */
export class Fleet {
  readonly #init: Init;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #home = new AbortController();
  readonly #absences: Absence[] = [];
  #ends = 0;

  constructor(init: Init) {
    this.#init = init;
    for (const member of MEMBERS) {
      const options = { ...member, orchestrator: init.orchestrator, log: this.#log(member.runnerId) };
      void this.#keepAlive(options, init.dice.fork());
    }
    onTestFinished(() => this.goHome());
  }

  /** Kills and freezes until the signal aborts. */
  async disturb(signal: AbortSignal): Promise<void> {
    const { dice } = this.#init;
    while (!signal.aborted) {
      await delay(dice.below(LONGEST_PEACE_MS), undefined, { signal }).catch(() => {});
      const victim = this.#processes.get(dice.pick(MEMBERS).runnerId);
      if (victim === undefined) continue;
      if (dice.chance(0.5)) {
        victim.kill('SIGKILL');
      } else {
        const from = Date.now();
        victim.kill('SIGSTOP');
        await delay(dice.below(LONGEST_FREEZE_MS));
        victim.kill('SIGCONT');
        this.#noteAbsence(victim, from, Date.now());
      }
    }
  }

  /** What all runners have noted. */
  get entries(): readonly LogEntry[] {
    return MEMBERS.flatMap(({ runnerId }) => readLog(this.#log(runnerId)));
  }

  /** When which of its processes stood still, and since when they are no more. */
  get absences(): readonly Absence[] {
    return this.#absences;
  }

  /** How often a runner process has ended. */
  get ends(): number {
    return this.#ends;
  }

  goHome(): void {
    this.#home.abort();
    for (const child of this.#processes.values()) child.kill('SIGKILL');
  }

  async #keepAlive(options: Omit<RunnerOptions, 'seed'>, dice: Dice): Promise<void> {
    const { signal } = this.#home;
    while (!signal.aborted) {
      const child = spawn(process.execPath, [MAIN, JSON.stringify({ ...options, seed: dice.below(2 ** 31) })], {
        env: { PATH: process.env.PATH },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      this.#processes.set(options.runnerId, child);
      await once(child, 'exit');
      this.#noteAbsence(child, Date.now(), Number.POSITIVE_INFINITY);
      this.#ends += 1;
      await delay(dice.below(LONGEST_ABSENCE_MS), undefined, { signal }).catch(() => {});
    }
  }

  #noteAbsence({ pid }: ChildProcess, from: number, to: number): void {
    if (pid !== undefined) this.#absences.push({ pid, from, to });
  }

  #log(runnerId: string): string {
    return join(this.#init.folder, `${runnerId}.log`);
  }
}
