import type { Row } from './row.ts';
import { backlog } from './rows/backlog.ts';
import { bareCommits } from './rows/bare-commits.ts';
import { chain } from './rows/chain.ts';
import { createPlans } from './rows/create-plans.ts';
import { fanIn } from './rows/fan-in.ts';
import { largePlan } from './rows/large-plan.ts';
import { memory } from './rows/memory.ts';
import { runnerChain } from './rows/runner-chain.ts';
import { runnerFanOut } from './rows/runner-fan-out.ts';
import { runnerPlans } from './rows/runner-plans.ts';
import { smallBesideLarge } from './rows/small-beside-large.ts';
import { smallWrites } from './rows/small-writes.ts';
import { start } from './rows/start.ts';
import type { Scale } from './scale.ts';
import { UsageError } from './usage-error.ts';

/** Measures one kind of work. */
export type Bench = (scale: Scale) => Promise<readonly Row[]>;

/** All that is measured, by the name that `--only` takes, in the order of the table. */
const benches: ReadonlyMap<string, Bench> = new Map([
  ['commit', bareCommits],
  ['create', createPlans],
  ['write', smallWrites],
  ['large', largePlan],
  ['beside', smallBesideLarge],
  ['runner-chain', runnerChain],
  ['runner-plans', runnerPlans],
  ['chain', chain],
  ['fan-out', runnerFanOut],
  ['backlog', backlog],
  ['fan-in', fanIn],
  ['start', start],
  ['memory', memory],
]);

/** The named ones, in the order of the table; all if none is named. Throws, naming all, if there is no such one. */
export function chosenBenches(names: readonly string[]): readonly (readonly [name: string, bench: Bench])[] {
  const unknown = names.find((name) => !benches.has(name));
  if (unknown !== undefined) {
    throw new UsageError(`nothing is measured under the name ${unknown}: there are ${[...benches.keys()].join(', ')}`);
  }
  return [...benches].filter(([name]) => names.length === 0 || names.includes(name));
}
