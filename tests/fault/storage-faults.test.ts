import { expect, test } from 'vitest';
import type { PlanHistoryEvent } from '../../src/domain/event.ts';
import { allNodes } from '../oracle/all-nodes.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { manualClock } from '../support/manual-clock.ts';
import { anyCall, type ServiceRig, serviceRig } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { Dice, seedFrom } from './dice.ts';
import { databasePath } from './serve.ts';
import { clientScript, type Step } from './storage-faults/client-script.ts';
import { FaultyStorage, faultPlaces, noFaults } from './storage-faults/faulty-storage.ts';
import { type Answer, PersistentClient, PersistentWatcher, untilDone } from './storage-faults/persistent-client.ts';

const ROUNDS = effort(6, 400);
const CLIENTS = 12;
const RATES = [0.05, 0.2, 0.5];

/** All that can be known of a plan from outside. */
type Outcome = {
  readonly answers: readonly Answer[];
  readonly views: unknown;
  readonly events: readonly PlanHistoryEvent[];
};

test(`what ${CLIENTS} clients do comes to the same whether the storage fails or not, ${ROUNDS} times`, {
  timeout: effort(60_000, 3_600_000),
}, async () => {
  const dice = new Dice(seedFrom('STORAGE_FAULTS_SEED'));
  const sum = { requests: 0, write: noFaults(), read: noFaults() };
  for (let round = 0; round < ROUNDS; round++) {
    const scripts = Array.from({ length: CLIENTS }, () => clientScript(dice.fork()));
    const seed = dice.fork();
    const sound = await outcomes(scripts, new Dice(1), 0);
    const faulty = await outcomes(scripts, seed, dice.pick(RATES));
    for (const [at, outcome] of faulty.plans.entries()) {
      expect(plain(outcome), `round ${round}, client ${at}`).toEqual(plain(sound.plans[at]));
    }
    sum.requests += scripts.flat().length;
    for (const place of faultPlaces) {
      sum.write[place] += faulty.made.write[place];
      sum.read[place] += faulty.made.read[place];
    }
  }
  console.log(
    `${sum.requests} requests; failed units of work: ${JSON.stringify(sum.write)}, reads: ${JSON.stringify(sum.read)}`,
  );
  expect(Math.min(...Object.values(sum.write), ...Object.values(sum.read)), 'faults of every kind').toBeGreaterThan(0);
});

/** Lets clients follow their scripts at the same time, each plan watched from its beginning, on a clock that stands. */
async function outcomes(scripts: readonly (readonly Step[])[], dice: Dice, rate: number) {
  const path = await databasePath();
  let storage: FaultyStorage | undefined;
  const rig = await serviceRig({
    path,
    idle: true,
    clock: manualClock(),
    wrap: (sound) => {
      storage = new FaultyStorage(sound, dice.fork(), rate);
      return storage;
    },
  });
  const plans = await Promise.all(
    scripts.map((script, at) => runClient(rig, new PersistentClient(rig, `client ${at}`, dice.fork()), script)),
  );
  if (storage === undefined) throw new Error('no storage was opened');
  await rig.service.stop();
  await rig.storage.close();
  expect(findViolations(path)).toEqual([]);
  return { plans, made: storage.made };
}

async function runClient(rig: ServiceRig, client: PersistentClient, script: readonly Step[]) {
  const planId = await client.create();
  const watcher = new PersistentWatcher(rig, planId);
  await client.follow(planId, script);
  const { orchestrator } = rig.service;
  const plan = await untilDone(() => orchestrator.getWorkPlan(anyCall, { id: planId }));
  const events = await untilDone(() => rig.storage.read((snapshot) => snapshot.events.list(planId, start, ALL)));
  await waitFor('the watcher to see all', () => watcher.seen.length >= events.length);
  await watcher.stop();
  expect(watcher.seen, 'what a watcher saw').toEqual(events);
  const outcome: Outcome & { readonly planId: string } = {
    planId,
    answers: client.answers,
    views: [plan, await untilDone(() => allNodes(rig, planId, 'FULL'))],
    events,
  };
  return outcome;
}

const start = { revision: 0, seq: 0 };
const ALL = Number.MAX_SAFE_INTEGER;

/** Without what differs from run to run: the plan's id, and the numbers of results, which all plans share. */
function plain(outcome: (Outcome & { readonly planId: string }) | undefined): unknown {
  if (outcome === undefined) return undefined;
  const text = JSON.stringify(outcome, (key, value) => (key === 'id' && typeof value === 'number' ? 0 : value));
  return JSON.parse(text.replaceAll(outcome.planId, 'THE PLAN'));
}
