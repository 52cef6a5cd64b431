/**
 * A runner that the server calls and that answers with the call: stages of the type `lint` in the mode sync.
 *
 *   node examples/runners/sync-runner.ts [SERVER] [LISTEN]
 *
 * In a project of your own the import is from 'turboci-lite/runner'.
 */
import { setTimeout as work } from 'node:timers/promises';
import { startRunner, Verdict } from '../../src/runner/start-runner.ts';

const [, , server = '127.0.0.1:50051', listen = '127.0.0.1:0'] = process.argv;

const runner = await startRunner({
  server,
  mode: 'serve',
  listen,
  accepts: ['SYNC'],
  maxConcurrent: 4,
  handlers: {
    lint: async (task, { signal }) => {
      const { files } = task.args;
      // Another attempt would find the same args: a verdict, which is not retried.
      if (!Array.isArray(files)) throw new Verdict('args.files: expected a list', { reason: 'BAD_ARGS' });
      await work(50 * files.length, undefined, { signal });
      const bad = files.filter((file) => String(file).includes('bad'));
      // That the linter complains is no failure of the attempt: it is what the check asked for.
      const failure = bad.length === 0 ? undefined : { message: `complaints about ${bad.join(', ')}` };
      return { checks: task.checks.map(({ id }) => ({ id, data: { files: files.length, bad: bad.length }, failure })) };
    },
  },
  onEvent: (event) => console.log(event.type, event.type === 'problem' ? event.message : ''),
});
console.log(`runner ${runner.id} at ${runner.address}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runner.stop());
