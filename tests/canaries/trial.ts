import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Canary, Watchdog } from './canary.ts';
import { ScratchTree } from './tree.ts';

/** A run of tests that takes longer has hung; that is not how a bug is to be found out. */
const LONGEST_RUN_MS = 240_000;

/** What became of a canary. `caughtBy` are the titles of the tests that failed. */
export type Verdict = {
  readonly canary: Canary;
  readonly isCaught: boolean;
  /** Empty if it was caught: else what went otherwise. */
  readonly problem: string;
  readonly caughtBy: readonly string[];
  readonly seconds: number;
};

/** The part of the report of vitest (--reporter=json) that is read here. */
type Report = {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
};

/** Sets canaries free, `atOnce` at a time, and tells of each as soon as it is known. */
export async function tryCanaries(
  canaries: readonly Canary[],
  atOnce: number,
  tell: (verdict: Verdict) => void,
): Promise<readonly Verdict[]> {
  const healthy = new HealthyTree();
  const waiting = [...canaries];
  const verdicts: Verdict[] = [];
  const work = async (): Promise<void> => {
    for (let canary = waiting.shift(); canary !== undefined; canary = waiting.shift()) {
      const verdict = await tryCanary(canary, healthy);
      verdicts.push(verdict);
      tell(verdict);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    healthy.remove();
  }
  return verdicts;
}

async function tryCanary(canary: Canary, healthy: HealthyTree): Promise<Verdict> {
  const start = performance.now();
  const caughtBy: string[] = [];
  let problem = '';
  const tree = new ScratchTree();
  try {
    for (const plant of canary.plants) tree.plant(plant);
    await tree.assertServes();
    for (const watchdog of canary.caughtBy) {
      if (!(await healthy.passes(watchdog))) continue;
      const failed = await failedTests(tree, watchdog);
      if (failed === undefined || failed.length === 0) throw new Error(`survived ${nameOf(watchdog)}`);
      caughtBy.push(...failed);
    }
    if (caughtBy.length === 0) throw new Error('none of its tests can be run on this machine');
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  } finally {
    tree.remove();
  }
  const seconds = (performance.now() - start) / 1000;
  return { canary, isCaught: problem === '', problem, caughtBy, seconds };
}

/** The tree without a bug: what fails there as well says nothing. Each watchdog is tried there once. */
class HealthyTree {
  #tree: ScratchTree | undefined;
  readonly #tried = new Map<string, Promise<boolean>>();

  /** False for a test that is skipped on this machine (it lacks a tool); rejects when it fails. */
  passes(watchdog: Watchdog): Promise<boolean> {
    const name = nameOf(watchdog);
    const known = this.#tried.get(name) ?? this.#try(watchdog);
    this.#tried.set(name, known);
    return known;
  }

  async #try(watchdog: Watchdog): Promise<boolean> {
    this.#tree ??= new ScratchTree();
    const failed = await failedTests(this.#tree, watchdog);
    if (failed === undefined) return false;
    if (failed.length > 0) throw new Error(`fails without the bug too: ${failed.join('; ')}`);
    return true;
  }

  remove(): void {
    this.#tree?.remove();
  }
}

/** The names of the tests that fail in a tree; undefined when all are skipped. Rejects when there are none, or no run. */
async function failedTests(tree: ScratchTree, watchdog: Watchdog): Promise<readonly string[] | undefined> {
  const { testResults } = await report(tree, watchdog);
  const isMeant = ({ fullName }: { readonly fullName: string }) => fullName.includes(watchdog.test ?? '');
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults).filter(isMeant);
  for (const { name, status, message, assertionResults } of testResults) {
    const hasFailed = assertionResults.some((test) => test.status === 'failed');
    if (status === 'failed' && !hasFailed) throw new Error(`${name} can not be run: ${message}`);
  }
  if (tests.length === 0) throw new Error(`there is no test ${nameOf(watchdog)}`);
  if (!tests.some(({ status }) => status === 'passed' || status === 'failed')) return undefined;
  return tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
}

let reports = 0;

async function report({ folder }: ScratchTree, { file, test }: Watchdog): Promise<Report> {
  const path = join(folder, `.report-${++reports}.json`);
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  const only = test === undefined ? [] : ['-t', literally(test)];
  const run = spawn(
    process.execPath,
    [vitest, 'run', file, ...only, '--maxWorkers=1', '--bail=1', '--reporter=json', `--outputFile=${path}`],
    // A group of its own, so that what a run leaves behind can be ended with it; none of the variables of a test run.
    { cwd: folder, env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: 'ignore', detached: true },
  );
  const end = once(run, 'close');
  const timer = setTimeout(() => killGroup(run.pid), LONGEST_RUN_MS);
  await end;
  clearTimeout(timer);
  killGroup(run.pid);
  if (!existsSync(path)) throw new Error(`no report of ${nameOf({ file })} came`);
  const found: Report = JSON.parse(readFileSync(path, 'utf8'));
  rmSync(path);
  return found;
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

function literally(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

export function nameOf({ file, test }: Watchdog): string {
  return test === undefined ? file : `${file} › ${test}`;
}
