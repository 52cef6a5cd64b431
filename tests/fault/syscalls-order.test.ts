import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TestClient, turboci } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { scratchFolder } from '../support/scratch.ts';
import { within } from '../support/wait-for.ts';
import { CrashRig } from './crash/crash-rig.ts';
import { removeDatabase } from './crash/lives.ts';
import { Dice, seedFrom } from './dice.ts';
import { answersIn } from './syscalls/answers.ts';
import { orderFaults } from './syscalls/order-faults.ts';
import { PowerFailures } from './syscalls/power-failures.ts';
import { readRecord } from './syscalls/record.ts';
import { callOneByOne, type Step } from './syscalls/sequence.ts';
import { launchRecorded, tracingObstacle } from './syscalls/strace.ts';

const obstacle = tracingObstacle();

const ROUNDS = effort(10, 300);

test('each answer leaves after the fsync that follows the writes of its commit', {
  timeout: effort(60_000, 600_000),
}, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const folder = await realpath(await scratchFolder());
  const [path, record] = [join(folder, 'order.db'), join(folder, 'record')];
  const server = launchRecorded(path, {}, record);
  const client = new TestClient(await server.serving);
  const steps: Step[] = [];
  for (let round = 0; round < ROUNDS; round++) steps.push(...(await callOneByOne(turboci(client), round)));
  client.close();
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);

  const calls = await readRecord(record);
  const answers = answersIn(calls);
  expect(orderFaults(calls, answers, steps, `${path}-wal`)).toEqual([]);
  const serving = calls.slice(0, answers.at(-1)?.at);
  const syncs = serving.filter((call) => call.kind === 'sync' && call.file === `${path}-wal`).length;
  console.log(`${answers.length} answers one by one, ${syncs} syncs of the WAL, none left before its own`);
  expect(syncs).toBeGreaterThanOrEqual(steps.length);
});

const WRITES = effort(150, 3000);
const FAILURES = effort(60, 2000);

test('a power failure at any moment under load, with any part of what was not synced: nothing answered is lost', {
  timeout: effort(120_000, 3_600_000),
}, async (context) => {
  if (obstacle !== undefined) return context.skip(obstacle);
  const dice = new Dice(seedFrom('POWER_SEED'));
  const folder = await realpath(await scratchFolder());
  const [path, record] = [join(folder, 'power.db'), join(folder, 'record')];
  const server = launchRecorded(path, {}, record);
  const rig = new CrashRig(dice.fork());
  rig.connect(await server.serving);
  // The end moves the WAL into the database: the power may fail in the midst of it as well.
  await rig.runUntilKilled({ acknowledged: WRITES, sent: 0, delayMs: 0 }, () => server.kill('SIGTERM'));
  expect((await within('the server to end', server.exit)).code).toBe(0);
  rig.close();

  const failures = new PowerFailures(await readRecord(record), rig.ledger, path);
  expect(failures.answerCount).toBe(rig.ledger.acknowledgedCount);
  const after = join(folder, 'after.db');
  const sum = { failures: 0, answers: 0 };
  for (const failure of failures.some(FAILURES, dice)) {
    await removeDatabase(after);
    failure.save(after);
    expect([...findViolations(after), ...failure.contradictions(after)], failure.name).toEqual([]);
    sum.failures += 1;
    sum.answers += failure.answers;
  }
  console.log(
    `${sum.failures} power failures under load, ${sum.answers} answers held against what was left, nothing lost`,
  );
  expect(sum.answers).toBeGreaterThan(FAILURES);
});
