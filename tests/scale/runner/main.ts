/**
 * The counting runner as a process of its own. It prints READY and its addresses when it serves; any message by Node's
 * IPC channel is answered with what it counted since the last one.
 */
import { CountingRunner } from './counting-runner.ts';
import type { RunnerOptions } from './options.ts';

const { ms = 0, addresses = 1, pull }: RunnerOptions = JSON.parse(process.argv[2] ?? '{}');
const runner = new CountingRunner(ms);
process.on('message', () => process.send?.(runner.tally.take()));
process.on('disconnect', () => process.exit(0));

const served = await Promise.all(Array.from({ length: addresses }, () => runner.serve()));
process.stdout.write(`READY ${served.join(' ')}\n`);
if (pull !== undefined) await runner.pull(pull);
