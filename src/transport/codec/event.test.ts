import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AttemptState, CheckState, StageState, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import { type WorkPlanEvent, WorkPlanEventSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { AttemptChange, PlanHistoryEvent } from '../../domain/event.ts';
import { emptyCounts } from '../../domain/plan-state.ts';
import { encodeCompletion, encodeEvent } from './event.ts';

const head = { revision: 7, seq: 1, at: 1_700_000_000_000, actor: 'writer', reason: 'because' };

/** As a client gets it. */
function sent(event: WorkPlanEvent): WorkPlanEvent {
  return fromBinary(WorkPlanEventSchema, toBinary(WorkPlanEventSchema, event));
}

test('a new check', () => {
  const event: PlanHistoryEvent = {
    ...head,
    type: 'CHECK',
    nodeId: 'lint',
    oldState: undefined,
    newState: 'FINAL',
    change: {
      kind: 'lint',
      outcome: 'FAILED',
      version: 2,
      createdAt: 1_600_000_000_000,
      options: { strict: true },
      results: [
        {
          id: 5,
          ownerType: 'me',
          ownerId: '1',
          data: { warnings: 3 },
          failure: { message: 'no', occurredAt: 1_650_000_000_000, reason: 'X' },
          createdAt: 1_640_000_000_000,
          finalizedAt: undefined,
        },
      ],
    },
  };
  expect(sent(encodeEvent('p', event))).toMatchObject({
    revision: 7n,
    actor: 'writer',
    reason: 'because',
    timestamp: { seconds: 1_700_000_000n },
    event: {
      case: 'checkEvent',
      value: {
        checkId: 'lint',
        oldState: CheckState.UNKNOWN,
        newState: CheckState.FINAL,
        check: {
          id: 'lint',
          workPlanId: 'p',
          state: CheckState.FINAL,
          version: 2n,
          revision: 7n,
          options: { strict: true },
          results: [{ id: 5n, data: { warnings: 3 }, failure: { message: 'no', reason: 'X' } }],
        },
      },
    },
  });
});

test('a stage whose attempts changed: the last is the one that the event is about', () => {
  const attempt = (idx: number, over: Partial<AttemptChange>): AttemptChange => ({
    ...{ idx, state: 'PENDING', oldState: undefined, processUid: undefined, failure: undefined, details: undefined },
    ...{ executionId: undefined, runnerId: undefined, createdAt: 1, updatedAt: 1, startedAt: undefined },
    ...{ endedAt: undefined, availableAt: 1, deadline: undefined, heartbeatBy: undefined },
    ...{ dispatch: undefined, progressPercent: 0, progress: [] },
    ...over,
  });
  const event: PlanHistoryEvent = {
    ...head,
    type: 'STAGE',
    nodeId: 'build',
    oldState: 'ATTEMPTING',
    newState: 'ATTEMPTING',
    change: {
      ...{ outcome: undefined, concludedReason: undefined, version: 3, createdAt: 1, cancelledAt: undefined },
      ...{ executionMode: 'ASYNC', runnerType: 'docker', parentStageId: 'root' },
      attempts: [attempt(1, { state: 'INCOMPLETE', oldState: 'RUNNING', processUid: 'w1' }), attempt(2, {})],
    },
  };
  const { value } = sent(encodeEvent('p', event)).event;
  expect(value).toMatchObject({
    oldState: StageState.ATTEMPTING,
    attempt: { idx: 2, state: AttemptState.PENDING },
    stage: {
      runnerType: 'docker',
      parentStageId: 'root',
      attempts: [{ idx: 1, state: AttemptState.INCOMPLETE, processUid: 'w1' }, { idx: 2 }],
    },
  });
});

test('the plan itself, and the end of all work', () => {
  const event: PlanHistoryEvent = {
    ...head,
    type: 'PLAN',
    nodeId: '',
    oldState: 'ACTIVE',
    newState: 'COMPLETE',
    change: {
      ...{ outcome: 'SUCCEEDED', createdAt: 1, cancelledAt: undefined, cancelReason: '' },
      counts: { ...emptyCounts, checks: { ...emptyCounts.checks, FINAL: 4 } },
    },
  };
  expect(sent(encodeEvent('p', event)).event).toMatchObject({
    case: 'workPlanEvent',
    value: {
      oldState: WorkPlanState.ACTIVE,
      newState: WorkPlanState.COMPLETE,
      workPlan: { id: 'p', version: 7n, nodeCounts: { checksByState: { 40: 4 } } },
    },
  });
  const completion = { at: 1, revision: 7, checks: 4, stages: 2, hasFailures: true };
  expect(sent(encodeCompletion(completion))).toMatchObject({
    revision: 7n,
    event: { case: 'completedEvent', value: { checksCompleted: 4, stagesCompleted: 2, hasFailures: true } },
  });
});
