/**
 * A runner of the randomized test as a process of its own. Its argument is the JSON of RunnerOptions; it ends with its
 * parent, when a script says so, or by signals.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Dice } from '../../dice.ts';
import { ChaosRunner } from './chaos-runner.ts';
import { optionsSchema } from './options.ts';
import { pull } from './pull.ts';
import { serve } from './serve.ts';

const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const runner = new ChaosRunner(options);
process.on('uncaughtException', runner.fault);
process.on('disconnect', () => process.exit(0));

const address = options.serves ? await serve(runner) : '';
const register = (): Promise<void> => runner.register(address);
await register();
if (options.pulls) pull(runner, new Dice(options.seed + 1), register).catch(runner.fault);
for (;;) {
  await delay((options.ttlSeconds * 1000) / 3);
  await register();
}
