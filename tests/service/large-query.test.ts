import { expect, it } from 'vitest';
import type { Storage } from '../../src/storage/storage.ts';
import { anyCall, type ServiceRig, serviceRig } from '../support/service-rig.ts';
import { checkWrite, stageWrite } from '../support/writes.ts';

/** More than two slices of a read. */
const CHECKS = 2300;
const STAGES = 300;

const query = {
  checkIds: [],
  stageIds: [],
  checkStates: [],
  stageStates: [],
  includeChecks: true,
  includeStages: true,
  pageSize: 0,
  pageToken: '',
  view: 'FULL',
} as const;

/** A rig whose storage does something before each read: `interfere` is told how many there were. */
async function rigWith(interfere: (rig: ServiceRig, reads: number) => Promise<void>) {
  let reads = 0;
  const wrap = (storage: Storage): Storage => ({
    ...storage,
    read: async (work) => {
      await interfere(rig, reads++);
      return storage.read(work);
    },
  });
  const rig = await serviceRig({ wrap, idle: true });
  const planId = await rig.createPlan();
  const checks = Array.from({ length: CHECKS }, (_, at) => checkWrite(`c${at}`, { options: { round: 0 } }));
  await rig.write(planId, { checks, stages: Array.from({ length: STAGES }, (_, at) => stageWrite(`s${at}`)) });
  return { rig, planId, reads: () => reads };
}

/** Changes the first and the last check in one write. */
function changeEnds(rig: ServiceRig, planId: string, round: number): Promise<number> {
  const options = { round };
  return rig.write(planId, { checks: ['c0', `c${CHECKS - 1}`].map((id) => checkWrite(id, { options })) });
}

it.each([
  { name: 'once', writes: 1 },
  { name: 'all the time', writes: Number.POSITIVE_INFINITY },
])('a large plan that is written $name while it is read is answered as of one revision', async ({ writes }) => {
  const revisions: number[] = [];
  const { rig, planId, reads } = await rigWith(async (own, count) => {
    if (count > 0 && revisions.length < writes) {
      revisions.push(await changeEnds(own, planId, revisions.length + 1));
    }
  });
  const { checks, stages, revision } = await rig.service.orchestrator.queryNodes(anyCall, {
    ...query,
    workPlanId: planId,
  });
  expect(checks.map(({ id }) => id)).toEqual(Array.from({ length: CHECKS }, (_, at) => `c${at}`));
  expect(stages.map(({ id }) => id)).toEqual(Array.from({ length: STAGES }, (_, at) => `s${at}`));
  expect(revision).toBe(revisions.at(-1));
  const ends = [checks.at(0), checks.at(-1)].map((check) => check?.options);
  expect(ends).toEqual([{ round: revisions.length }, { round: revisions.length }]);
  expect(reads()).toBeGreaterThan(3);
});

it('pages of several slices go on where the last one ended', async () => {
  const { rig, planId } = await rigWith(async () => {});
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await rig.service.orchestrator.queryNodes(anyCall, {
      ...query,
      workPlanId: planId,
      pageSize: 1100,
      pageToken,
    });
    expect(page.checks.length + page.stages.length).toBeLessThanOrEqual(1100);
    seen.push(...page.checks.map(({ id }) => id), ...page.stages.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  const all = [CHECKS, STAGES].flatMap((count, kind) => Array.from({ length: count }, (_, at) => `${'cs'[kind]}${at}`));
  expect(seen).toEqual(all);
});
