import { parseArgs } from 'node:util';
import { jsonOf, tableOf } from './report.ts';
import type { Row, Scale } from './row.ts';
import { chain } from './rows/chain.ts';
import { fanIn } from './rows/fan-in.ts';
import { groupCommits } from './rows/group-commit.ts';
import { largePlan } from './rows/large-plan.ts';
import { memory } from './rows/memory.ts';
import { runnerChain } from './rows/runner-chain.ts';
import { runnerFanOut } from './rows/runner-fan-out.ts';
import { runnerPlans } from './rows/runner-plans.ts';
import { start } from './rows/start.ts';
import { creatingPlans, smallWrites } from './rows/throughput.ts';

/*
 * npm run bench [-- --quick] [--json] [--only NAME]
 *
 * Measures a server in a process of its own, on a database file, against what it must reach and against the limits of
 * what it is built on, taken in the same run. Each figure is the median of its repetitions, after a round that warms up.
 */
const benches: Readonly<Record<string, (scale: Scale) => Promise<readonly Row[]>>> = {
  commit: groupCommits,
  create: creatingPlans,
  write: smallWrites,
  large: largePlan,
  'fan-in': fanIn,
  chain,
  'runner-chain': runnerChain,
  'runner-plans': runnerPlans,
  'fan-out': runnerFanOut,
  start,
  memory,
};

const full: Scale = {
  repetitions: 3,
  calls: 20_000,
  nodes: 10_000,
  fanIn: 600,
  chain: 200,
  runnerChain: 100,
  plans: 500,
  fanOuts: [1000, 5000],
};
const quick: Scale = { ...full, calls: 4000, fanIn: 300, plans: 100, fanOuts: [1000, 2000] };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(benches) },
  },
});

const rows: Row[] = [];
for (const name of values.only) {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`no bench ${name}: there are ${Object.keys(benches).join(', ')}`);
  process.stderr.write(`${name} …\n`);
  rows.push(...(await bench(values.quick ? quick : full)));
}
console.log(values.json ? jsonOf(rows) : tableOf(rows));
