import { timestampMs } from '@bufbuild/protobuf/wkt';
import { ExecutionMode, NodeView } from '../../../gen/turboci/v1/common_pb.js';
import type { WorkPlanEvent } from '../../../gen/turboci/v1/service_pb.js';
import type { Served } from '../../fault/serve.ts';
import { createPlan } from '../../fault/stages.ts';
import { within } from '../../support/wait-for.ts';

type Api = Served['api'];

const MOST_MS = 60_000;

/** Of a stage that is not there: only the plan's own events are to be heard. */
const PLAN_ONLY = { includeStages: true, stageIdFilter: ['none'] };

/** Runs a plan of so many stages that wait for nothing, for runners of the type; resolves when all have SUCCEEDED. */
export async function runFanOut(
  api: Api,
  runnerType: string,
  count: number,
  executionMode = ExecutionMode.SYNC,
): Promise<void> {
  const workPlanId = await createPlan(api);
  const stages = Array.from({ length: count }, (_, at) => ({ id: `stage-${at}`, runnerType, executionMode }));
  await api.writeNodes({ workPlanId, stages, responseView: NodeView.BASIC });
  const watch = api.watchWorkPlan({ workPlanId, ...PLAN_ONLY, endOnCompletion: true });
  const events = await within(`${count} stages to end`, watch.rest(), MOST_MS);
  const { event } = events.at(-1) ?? {};
  if (event?.case !== 'completedEvent' || event.value.hasFailures || event.value.stagesCompleted !== count) {
    throw new Error(`the plan of ${count} stages ended with ${JSON.stringify(event?.value)}`);
  }
}

/** A stage that was written, with its attempt. */
export type Single = {
  /** When the attempt was created, in milliseconds since the epoch: in its unit of work, before the commit. */
  readonly createdAt: number;
  /** How long the write took its caller, in milliseconds. */
  readonly writeMs: number;
};

/** Runs stages one after another: each is written when the one before has ended and the server has nothing to do. */
export async function runSingles(api: Api, runnerType: string, count: number): Promise<readonly Single[]> {
  const workPlanId = await createPlan(api);
  const watch = api.watchWorkPlan({ workPlanId, ...PLAN_ONLY });
  await watch.opened;
  const events = watch[Symbol.asyncIterator]();
  const singles: Single[] = [];
  for (let at = 0; at < count; at++) {
    const startedAt = performance.now();
    const { stages } = await api.writeNodes({ workPlanId, stages: [{ id: `stage-${at}`, runnerType }] });
    const writeMs = performance.now() - startedAt;
    const createdAt = stages[0]?.attempts[0]?.createdAt;
    if (createdAt === undefined) throw new Error('the answer lacks the attempt');
    singles.push({ createdAt: timestampMs(createdAt), writeMs });
    await within(`stage ${at} to end`, completion(events));
  }
  await events.return();
  return singles;
}

async function completion(events: AsyncGenerator<WorkPlanEvent, void, undefined>): Promise<void> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) throw new Error('the watch has ended');
    if (value.event.case === 'completedEvent') return;
  }
}
