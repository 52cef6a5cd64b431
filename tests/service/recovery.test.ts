import { describe, expect, it } from 'vitest';
import type { DispatchKind } from '../../src/domain/attempt.ts';
import { allNodes } from '../oracle/all-nodes.ts';
import { policy, remote } from '../support/runner-rig.ts';
import { type ServiceRig, serviceRig } from '../support/service-rig.ts';

/** More than a start treats at a time. */
const MANY = 300;

const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

/** Leaves the attempts of new stages as a process does that dies when it has reserved them. */
async function leaveReserved(rig: ServiceRig, planId: string, stageIds: readonly string[], dispatch: DispatchKind) {
  const executionPolicy = policy({ maxAttempts: 1 });
  await rig.write(planId, { stages: stageIds.map((id) => remote(id, { executionPolicy })) });
  await rig.storage.write(async (uow) => {
    for (const stageId of stageIds) {
      const waiting = await uow.attempts.get({ planId, stageId, idx: 1 });
      if (waiting === undefined) throw new Error(`${stageId} has no attempt`);
      const executionId = `${planId} ${stageId}`;
      const owner = {
        processUid: executionId,
        executionId,
        dispatch,
        runnerId: 'r',
        deadline: waiting.createdAt + 60_000,
      };
      await uow.attempts.update({ ...waiting, ...owner }, waiting);
    }
  });
}

async function attemptsOf(rig: ServiceRig, planId: string): Promise<readonly string[]> {
  const { stages } = await allNodes(rig, planId, 'FULL');
  return stages.flatMap(({ attempts }) =>
    attempts.map(({ state, failure }) => (failure === undefined ? state : `${state} ${failure.reason}`)),
  );
}

describe('a start', () => {
  it.each([
    { dispatch: 'RUN', becomes: 'INCOMPLETE SERVER_RESTART' },
    { dispatch: 'RUN_ASYNC', becomes: 'SCHEDULED' },
  ] as const)('looks after every $dispatch that the last process left, in all plans', async ({ dispatch, becomes }) => {
    const rig = await serviceRig({ idle: true });
    const [first, second] = [await rig.createPlan(), await rig.createPlan()];
    await leaveReserved(rig, first, ids('z', MANY), dispatch);
    await leaveReserved(rig, second, ids('a', 10), dispatch);
    await rig.service.start();
    expect(await attemptsOf(rig, first)).toEqual(ids('z', MANY).map(() => becomes));
    expect(await attemptsOf(rig, second)).toEqual(ids('a', 10).map(() => becomes));
  });
});
