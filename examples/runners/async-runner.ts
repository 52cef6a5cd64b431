/**
 * A runner that accepts work at once and reports while it goes on: stages of the type `compile` in the mode async.
 *
 *   node examples/runners/async-runner.ts [SERVER] [LISTEN]
 *
 * In a project of your own the import is from 'turboci-lite/runner'.
 */
import { setTimeout as work } from 'node:timers/promises';
import { startRunner } from '../../src/runner/start-runner.ts';

const [, , server = '127.0.0.1:50051', listen = '127.0.0.1:0'] = process.argv;

const runner = await startRunner({
  server,
  mode: 'serve',
  listen,
  accepts: ['ASYNC'],
  maxConcurrent: 2,
  handlers: {
    compile: async (task, { signal, progress }) => {
      const modules = Array.isArray(task.args.modules) ? task.args.modules.map(String) : [];
      for (const [at, name] of modules.entries()) {
        progress(`compiling ${name}`, { percent: (100 * at) / modules.length });
        await work(150, undefined, { signal });
        // An error is a failure of the attempt; the stage's policy says whether there is another.
        if (name === 'flaky' && task.attemptIdx === 1) throw new Error('the compiler ran out of memory');
      }
      // Nothing is said about the checks: the server makes them FINAL with the stage.
      return { details: { compiled: modules.length } };
    },
  },
  onEvent: (event) => console.log(event.type, event.type === 'problem' ? event.message : ''),
});
console.log(`runner ${runner.id} at ${runner.address}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runner.stop());
