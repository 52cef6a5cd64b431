import { dirname } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { TestClient } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { within } from '../support/wait-for.ts';
import { Authors } from './chaos/authors.ts';
import { Fleet } from './chaos/fleet.ts';
import { readChaosHistory } from './chaos/history.ts';
import { limitOf } from './chaos/members.ts';
import { contradictions } from './chaos/proof/contradictions.ts';
import { freeze, liveAndDie } from './chaos/short-lives.ts';
import { steadyPort } from './chaos/steady-port.ts';
import { Dice, seedFrom } from './dice.ts';
import { databasePath, launch } from './serve.ts';

const PLANS = effort(120, 200);
const LIVES = effort(12, 20);
/** Plans that the last server gets, which nobody kills: what it forgets, no restart brings back to mind. */
const LAST_PLANS = 60;
/** How often that server stands still for a moment. */
const FREEZES = 3;
const LONGEST_END_MS = 90_000;
/** The first contradictions tell most. */
const SHOWN = 10;

test(`${PLANS} random plans, runners that misbehave and die, ${LIVES} kills -9 of the server: every plan ends, nothing runs twice`, {
  timeout: 420_000,
}, async () => {
  const dice = new Dice(seedFrom('CHAOS_SEED'));
  const path = await databasePath();
  const port = await steadyPort(dice.fork());
  const orchestrator = `127.0.0.1:${port}`;
  const start = () => launch(path, { GRPC_PORT: String(port) });
  const backoff = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };
  const client = new TestClient(orchestrator, backoff);
  onTestFinished(() => client.close());
  const authors = new Authors(client, dice.fork(), PLANS);
  const fleet = new Fleet({ folder: dirname(path), orchestrator, dice: dice.fork() });
  const peace = new AbortController();
  const disturbed = fleet.disturb(peace.signal);

  const since = performance.now();
  const deaths: number[] = [];
  for (let life = 1; life <= LIVES; life++) {
    authors.begin(Math.floor(((PLANS - LAST_PLANS) * life) / LIVES));
    deaths.push(...(await Promise.race([liveAndDie(start, dice), authors.failure])));
  }
  const server = start();
  await server.serving;
  console.log(`killed for the last time after ${seconds(since)} s`);
  authors.begin(PLANS);
  const frozen = (async () => {
    for (let count = 0; count < FREEZES; count++) await freeze(server, dice);
  })();
  const plans = await within('all plans to end', authors.over(), LONGEST_END_MS).catch((error: Error) => {
    throw new Error([error.message, ...readChaosHistory(path).open].join('\n'));
  });
  console.log(`the last plan ended after ${seconds(since)} s`);
  peace.abort();
  await Promise.all([disturbed, frozen]);

  const { runners } = await client.call(TurboCIOrchestrator.method.listStageRunners, {});
  expect(runners.length).toBeGreaterThan(0);
  expect(runners.filter(({ currentLoad }) => currentLoad !== 0)).toEqual([]);
  fleet.goHome();
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);

  expect(findViolations(path)).toEqual([]);
  const history = readChaosHistory(path);
  const { entries, absences, ends } = fleet;
  const found = contradictions({ history, entries, plans, deaths, absences, limitOf });
  expect(found.slice(0, SHOWN)).toEqual([]);
  const begun = entries.filter(({ event }) => event === 'start').length;
  console.log(
    `${history.attempts.length} attempts, ${begun} of them begun by runners, whose processes ended ${ends} times`,
  );
});

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1000);
}
