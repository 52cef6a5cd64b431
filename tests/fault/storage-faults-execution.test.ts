import { expect, test } from 'vitest';
import { allNodes } from '../oracle/all-nodes.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { anyCall, type ServiceRig } from '../support/service-rig.ts';
import { Dice, seedFrom } from './dice.ts';
import { databasePath } from './serve.ts';
import { type FaultPlace, faultPlaces } from './storage-faults/faulty-storage.ts';
import { checkOf, childOf, type WorkPlanScript, workPlanScript } from './storage-faults/work-plan-script.ts';
import { World } from './storage-faults/world.ts';

const ROUNDS = effort(5, 100);
const PLANS = 15;
const RATES = [0.1, 0.2, 0.35];
/** How long the lives of servers are that end before their time. */
const TICKS_OF_A_LIFE = 8;

/** Runners that registered and went away; their registrations expire one by one. */
const BRIEF_RUNNERS = 6;
/** What failed is tried again within this time. */
const TICKS_TO_REPEAT = 15;

/** What goes wrong, and for which reasons it may end an attempt that was not to end. */
type Trouble = {
  readonly name: string;
  readonly places: readonly FaultPlace[];
  readonly lives: number;
  readonly mishaps: ReadonlySet<string>;
};

/** The server's own executor fails when it is to, runners break the line now and then. */
const byPlan = ['EXECUTOR_FAILURE', 'RUNNER_ERROR'];

const troubles: readonly Trouble[] = [
  {
    name: 'nothing that failed was stored: no attempt is lost',
    places: ['BEFORE', 'INSIDE', 'AT_END'],
    lives: 1,
    mishaps: new Set(byPlan),
  },
  {
    // An attempt that was handed out while its server was told that it was not ends at its deadline.
    name: 'servers end, and what failed may have been stored',
    places: faultPlaces,
    lives: 3,
    mishaps: new Set([...byPlan, 'TIMEOUT', 'SERVER_RESTART']),
  },
];

test.for(troubles)(
  'no plan is stuck when the storage fails: $name',
  {
    timeout: effort(90_000, 7_200_000),
  },
  async (trouble) => {
    const dice = new Dice(seedFrom('EXECUTION_FAULTS_SEED'));
    const sum = { plans: 0, stages: 0, attempts: 0, faults: 0, failedStarts: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const world = new World(await databasePath(), dice.fork(), dice.pick(RATES), trouble.places);
      const scripts = Array.from({ length: PLANS }, () => workPlanScript(dice.fork()));
      await world.begin();
      const planIds = await Promise.all(scripts.map((script, at) => world.create(script, `plan ${at}`)));
      await world.registerBriefly(BRIEF_RUNNERS);
      await world.live(TICKS_OF_A_LIFE);
      await world.cancel(planIds.filter((_, at) => scripts[at]?.endings === undefined));
      for (let life = 1; life < trouble.lives; life++) {
        await world.end();
        await world.begin();
        await world.live(TICKS_OF_A_LIFE);
      }
      world.watch(planIds);
      await world.liveUntilDone(planIds);
      world.heal();
      await world.expectSeen(planIds);
      for (const [at, planId] of planIds.entries()) {
        const { stages, attempts } = await expectAsScripted(world.rig, planId, scripts[at], trouble.mishaps);
        sum.stages += stages;
        sum.attempts += attempts;
      }
      await expectAlive(world, `round ${round}`, trouble.mishaps);
      await world.end();
      expect(findViolations(world.path)).toEqual([]);
      sum.plans += PLANS;
      sum.faults += world.faults;
      sum.failedStarts += world.failedStarts;
    }
    console.log(
      `${sum.plans} plans, ${sum.stages} stages in ${sum.attempts} attempts; ${sum.faults} faults, ${sum.failedStarts} starts that failed`,
    );
    expect(sum.faults).toBeGreaterThan(ROUNDS * PLANS);
  },
);

test('a server that can not take stock does not start, and executes nothing; the next one does', async () => {
  const path = await databasePath();
  const world = new World(path, new Dice(1), 0, faultPlaces);
  await world.begin();
  const planId = await world.create(workPlanScript(new Dice(2)), 'plan');
  await world.end();
  const { rig, storage, calls } = await world.open();
  storage.rate = 1;
  const unavailable = { reason: 'STORAGE_UNAVAILABLE' };
  await expect(rig.service.start()).rejects.toMatchObject(unavailable);
  storage.rate = 0;
  await expect(rig.service.start(), 'a start is not made twice').rejects.toMatchObject(unavailable);
  await world.live(TICKS_OF_A_LIFE);
  expect(calls.made).toEqual([]);
  await rig.service.stop();
  await rig.storage.close();
  await world.begin();
  await world.liveUntilDone([planId]);
  await world.end();
  expect(findViolations(path)).toEqual([]);
});

async function expectAsScripted(
  rig: ServiceRig,
  planId: string,
  script: WorkPlanScript | undefined,
  mishaps: ReadonlySet<string>,
) {
  const { checks, stages } = await allNodes(rig, planId, 'FULL');
  const counts = { stages: stages.length, attempts: stages.flatMap(({ attempts }) => attempts).length };
  if (script?.endings === undefined) return counts;
  const { endings, parents } = script;
  const checkOutcome = new Map(checks.map(({ id, outcome }) => [id, outcome]));
  for (const [id, ending] of endings) {
    const stage = stages.find((one) => one.id === id);
    expect(stage?.outcome, `stage ${id}`).toBe(ending);
    expect(checkOutcome.get(checkOf(id)), `the check of ${id}`).toBe(ending === 'SUCCEEDED' ? ending : 'FAILED');
    const [last, ...before] = stage?.attempts.toReversed() ?? [];
    for (const attempt of before) {
      expect(attempt.state).toBe('INCOMPLETE');
      expect(mishaps, `attempt ${attempt.idx} of ${id}: ${attempt.failure?.message}`).toContain(
        attempt.failure?.reason,
      );
      expect(attempt.failure?.message).not.toContain('refused');
    }
    if (ending !== 'SUCCEEDED') continue;
    expect(last?.state).toBe('COMPLETE');
    if (parents.has(id))
      expect(stages.find((one) => one.id === childOf(id))).toMatchObject({ outcome: 'SUCCEEDED', parentStageId: id });
  }
  return counts;
}

/** After all that, everything that runs beside requests still does: dispatch, backoffs, deadlines, expiry. */
async function expectAlive(world: World, name: string, mishaps: ReadonlySet<string>): Promise<void> {
  const { orchestrator } = world.rig.service;
  const dice = new Dice(7);
  const scripts = Array.from({ length: 4 }, () => workPlanScript(dice.fork()));
  await world.live(3 * BRIEF_RUNNERS + TICKS_TO_REPEAT);
  const lasting = ['runner of async', 'runner of pull', 'runner of sync'];
  expect(await world.registered(), 'what has expired is swept up').toEqual(lasting);
  const planIds = await Promise.all(scripts.map((script, at) => world.create(script, `${name}, alive ${at}`)));
  await world.liveUntilDone(planIds);
  for (const [at, planId] of planIds.entries()) await expectAsScripted(world.rig, planId, scripts[at], mishaps);
  const runners = await orchestrator.listRunners(anyCall, { runnerType: '' });
  expect(
    runners.map(({ currentLoad }) => currentLoad),
    'what runners have',
  ).toEqual([0, 0, 0]);
}
