/**
 * A runner that asks the server for work, so that it needs no port and no name: stages of the types `shard` and `test`,
 * of which the first makes more of the second.
 *
 *   node examples/runners/pull-runner.ts [SERVER]
 *
 * In a project of your own the import is from 'turboci-lite/runner'.
 */
import { setTimeout as work } from 'node:timers/promises';
import { CheckState, type Handler, startRunner } from '../../src/runner/start-runner.ts';

const [, , server = '127.0.0.1:50051'] = process.argv;

/** Adds a stage for each shard, in the name of its own attempt: it waits for them before it ends. */
const shard: Handler = async (task, { writeNodes }) => {
  const shards = Array.from({ length: Number(task.args.shards ?? 1) }, (_, at) => `${task.stageId}-${at + 1}`);
  await writeNodes({
    reason: 'sharding',
    checks: shards.map((id) => ({ id, kind: 'test', state: CheckState.PLANNED })),
    stages: shards.map((id) => ({ id, runnerType: 'test', assignments: [{ targetCheckId: id }] })),
  });
  return { details: { shards } };
};

/** Runs one shard until it is done or told to stop. */
const test: Handler = async (task, { signal, progress }) => {
  progress('running', { percent: 10 });
  await work(200, undefined, { signal });
  return { checks: task.checks.map(({ id }) => ({ id, data: { passed: 12 } })) };
};

const runner = await startRunner({
  server,
  mode: 'pull',
  maxConcurrent: 3,
  handlers: { shard, test },
  onEvent: (event) => console.log(event.type, event.type === 'problem' ? event.message : ''),
});
console.log(`runner ${runner.id} pulls`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runner.stop());
