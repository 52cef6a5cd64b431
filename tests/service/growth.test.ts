import { expect, it } from 'vitest';
import { anyCall, type ServiceRig, serviceRig } from '../support/service-rig.ts';
import { after, stageWrite } from '../support/writes.ts';

/** How much longer twice the work may take: linear is 2, quadratic 4; the rest is noise. */
const LINEAR = 3.2;

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The least of three ratios: noise only ever adds. */
async function ratio(of: (size: number) => Promise<number>, size: number): Promise<number> {
  const ratios: number[] = [];
  for (let run = 0; run < 3; run++) ratios.push((await of(2 * size)) / (await of(size)));
  console.log(`ratios: ${ratios.map((value) => value.toFixed(2)).join(', ')}`);
  return Math.min(...ratios);
}

async function planWithParent(rig: ServiceRig): Promise<string> {
  const planId = await rig.createPlan();
  await rig.write(planId, { stages: [stageWrite('parent')] });
  return planId;
}

it.each(['beside each other', 'one after the other'])(
  'children that are added one by one, %s, cost the same each',
  async (kind) => {
    const rig = await serviceRig();
    const add = async (count: number) => {
      const planId = await planWithParent(rig);
      const attempt = { stageId: 'parent', attemptIdx: 1, processUid: '' };
      return milliseconds(async () => {
        for (let at = 0; at < count; at++) {
          const follows =
            kind === 'one after the other' && at > 0 ? { dependencies: after('STAGE', `c${at - 1}`) } : {};
          await rig.service.orchestrator.writeNodes(anyCall, {
            workPlanId: planId,
            checks: [],
            stages: [stageWrite(`c${at}`, follows)],
            requestId: '',
            reason: '',
            attempt,
            expectedPlanVersion: undefined,
            responseView: 'BASIC',
          });
        }
      });
    };
    expect(await ratio(add, 400)).toBeLessThan(LINEAR);
  },
);

it('cancelling a plan, and writing into a cancelled one, takes time in proportion to its nodes', async () => {
  const rig = await serviceRig();
  const stages = (count: number) =>
    Array.from({ length: count }, (_, at) => stageWrite(`s${at}`, { dependencies: after('STAGE', 'parent') }));
  const cancel = async (count: number) => {
    const planId = await planWithParent(rig);
    await rig.write(planId, { stages: stages(count) });
    return milliseconds(() => rig.service.orchestrator.cancelWorkPlan(anyCall, { id: planId, reason: '' }));
  };
  const writeInto = async (count: number) => {
    const planId = await planWithParent(rig);
    await rig.service.orchestrator.cancelWorkPlan(anyCall, { id: planId, reason: '' });
    return milliseconds(() => rig.write(planId, { stages: stages(count) }));
  };
  expect(await ratio(cancel, 4000)).toBeLessThan(LINEAR);
  expect(await ratio(writeInto, 4000)).toBeLessThan(LINEAR);
});
