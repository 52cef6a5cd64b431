import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import type { Check, CheckWriteSchema } from '../../../../gen/turboci/v1/check_pb.js';
import { AttemptState, CheckState, StageState, WorkPlanState } from '../../../../gen/turboci/v1/common_pb.js';
import type {
  QueryNodesRequestSchema,
  QueryNodesResponse,
  WatchWorkPlanRequestSchema,
  WorkPlanEvent,
  WriteNodesRequestSchema,
  WriteNodesResponse,
} from '../../../../gen/turboci/v1/service_pb.js';
import type { Attempt, AttemptWriteSchema, Stage, StageWriteSchema } from '../../../../gen/turboci/v1/stage_pb.js';
import type { CreateWorkPlanRequestSchema, WorkPlan } from '../../../../gen/turboci/v1/workplan_pb.js';
import type { turboci } from '../../../support/client.ts';
import type { RpcError } from '../../../support/rpc-error.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { type Expected, refused } from './refusal.ts';
import { Watch } from './watch.ts';

export type CheckWriteInit = MessageInitShape<typeof CheckWriteSchema>;
export type StageWriteInit = MessageInitShape<typeof StageWriteSchema>;
export type AttemptWriteInit = MessageInitShape<typeof AttemptWriteSchema>;
export type WriteInit = Omit<
  Exclude<MessageInitShape<typeof WriteNodesRequestSchema>, { $typeName: string }>,
  'workPlanId'
>;
export type QueryInit = Omit<
  Exclude<MessageInitShape<typeof QueryNodesRequestSchema>, { $typeName: string }>,
  'workPlanId'
>;
export type WatchInit = Omit<
  Exclude<MessageInitShape<typeof WatchWorkPlanRequestSchema>, { $typeName: string }>,
  'workPlanId'
>;
export type CreateInit = MessageInitShape<typeof CreateWorkPlanRequestSchema>;

/** The calls of a server by name. */
export type Calls = ReturnType<typeof turboci>;

const WAIT_MS = 20_000;

/** All that can be seen of a plan without its history. */
export type Snapshot = { readonly plan: WorkPlan; readonly checks: Check[]; readonly stages: Stage[] };

/** A plan on the server under test, driven through gRPC. */
export class TestPlan {
  readonly id: string;
  readonly calls: Calls;

  constructor(calls: Calls, id: string) {
    this.calls = calls;
    this.id = id;
  }

  write(request: WriteInit): Promise<WriteNodesResponse> {
    return this.calls.writeNodes({ ...request, workPlanId: this.id });
  }

  /** Writes one check and answers it as it stands then. */
  async writeCheck(check: CheckWriteInit): Promise<Check> {
    const answer = await this.write({ checks: [check] });
    return answer.checks[0] ?? expect.fail('the answer lacks the check');
  }

  /** Writes one stage and answers it as it stands then. */
  async writeStage(stage: StageWriteInit): Promise<Stage> {
    const answer = await this.write({ stages: [stage] });
    return answer.stages[0] ?? expect.fail('the answer lacks the stage');
  }

  /** Writes to the live attempt of a stage. */
  attempt(stageId: string, currentAttempt: AttemptWriteInit): Promise<Stage> {
    return this.writeStage({ id: stageId, currentAttempt });
  }

  /** Makes checks FINAL with the outcome SUCCEEDED. */
  async pass(...ids: readonly string[]): Promise<void> {
    await this.write({ checks: ids.map((id) => ({ id, state: CheckState.FINAL })) });
  }

  /** Makes checks FINAL with the outcome FAILED. */
  async reject(...ids: readonly string[]): Promise<void> {
    await this.write({ checks: ids.map(rejected) });
  }

  complete(stageId: string): Promise<Stage> {
    return this.attempt(stageId, { state: AttemptState.COMPLETE });
  }

  async get(): Promise<WorkPlan> {
    const { workPlan } = await this.calls.getWorkPlan({ id: this.id });
    return workPlan ?? expect.fail('the answer lacks the plan');
  }

  query(query: QueryInit = {}): Promise<QueryNodesResponse> {
    return this.calls.queryNodes({ ...query, workPlanId: this.id });
  }

  async check(id: string): Promise<Check> {
    const { checks } = await this.query({ checkIds: [id], includeChecks: true });
    return checks[0] ?? expect.fail(`no check ${id}`);
  }

  async stage(id: string): Promise<Stage> {
    const { stages } = await this.query({ stageIds: [id], includeStages: true });
    return stages[0] ?? expect.fail(`no stage ${id}`);
  }

  /** Waits until the stage meets the condition. */
  untilStage(id: string, what: string, condition: (stage: Stage) => boolean, ms = WAIT_MS): Promise<Stage> {
    return waitFor(
      `stage ${id}: ${what}`,
      async () => {
        const stage = await this.stage(id);
        return condition(stage) && stage;
      },
      ms,
    );
  }

  untilFinal(id: string, ms?: number): Promise<Stage> {
    return this.untilStage(id, 'FINAL', ({ state }) => state === StageState.FINAL, ms);
  }

  /** Waits until the plan is not ACTIVE any more. */
  untilOver(): Promise<WorkPlan> {
    return waitFor('the end of the plan', async () => {
      const plan = await this.get();
      return plan.state !== WorkPlanState.ACTIVE && plan;
    });
  }

  async cancel(reason = ''): Promise<WorkPlan> {
    const { workPlan } = await this.calls.cancelWorkPlan({ id: this.id, reason });
    return workPlan ?? expect.fail('the answer lacks the plan');
  }

  async cancelStage(stageId: string, reason = ''): Promise<Stage> {
    const request = { workPlanId: this.id, stageId, reason };
    const { stage } = await this.calls.cancelStage(request);
    return stage ?? expect.fail('the answer lacks the stage');
  }

  async runStage(stageId: string, wait = false): Promise<Stage> {
    const request = { workPlanId: this.id, stageId, wait };
    const { stage } = await this.calls.runStage(request);
    return stage ?? expect.fail('the answer lacks the stage');
  }

  /** Opens a watch; the subscription stands when this resolves. */
  watch(request: WatchInit = {}): Promise<Watch> {
    const stream = this.calls.watchWorkPlan({ ...request, workPlanId: this.id });
    return new Watch(stream).settled();
  }

  async snapshot(): Promise<Snapshot> {
    const [plan, { checks, stages }] = await Promise.all([this.get(), this.query()]);
    return { plan, checks, stages };
  }

  /**
   * All events after a revision. Writes a check of its own to know where the history ends, so the plan's revision is one
   * higher afterwards.
   */
  async history(since = 0n): Promise<readonly WorkPlanEvent[]> {
    const watch = await this.watch({ sinceRevision: since });
    const fence = `fence-${since}-${Math.random()}`;
    const { revision } = await this.write({ checks: [{ id: fence, state: CheckState.FINAL }] });
    await watch.until((event) => event.event.case === 'checkEvent' && event.event.value.checkId === fence, 'the fence');
    watch.close();
    return watch.events.filter((event) => event.revision < revision);
  }

  /** The write is refused as expected and changes nothing: no version, no node, no event. */
  async refuses(request: WriteInit, expected: Expected): Promise<RpcError> {
    const before = await this.snapshot();
    const refusal = await refused(this.write(request), expected);
    await this.expectUnchanged(before);
    return refusal;
  }

  /** The write is accepted and changes nothing: no version, no node, no event. */
  async ignores(request: WriteInit): Promise<WriteNodesResponse> {
    const before = await this.snapshot();
    const answer = await this.write(request);
    expect(answer.revision).toBe(before.plan.version);
    await this.expectUnchanged(before);
    return answer;
  }

  /** Nothing has happened since the snapshot. */
  async expectUnchanged(before: Snapshot): Promise<void> {
    expect(await this.snapshot()).toEqual(before);
    expect(await this.history(before.plan.version), 'events of what should have changed nothing').toEqual([]);
  }
}

/** A write that makes a check FINAL / FAILED. */
export function rejected(id: string): CheckWriteInit {
  const result = { ownerType: 'test', ownerId: 'verdict', failure: { message: `${id} is not as it should be` } };
  return { id, state: CheckState.FINAL, result };
}

/** The attempt that a stage is at, or ended with. */
export function lastAttempt(stage: Stage): Attempt {
  return stage.attempts.at(-1) ?? expect.fail(`stage ${stage.id} has no attempt`);
}
