import type { RunOutcome } from '../../src/service/execution/runner-calls.ts';
import type { Command } from './commands.ts';
import { checkWrite } from './generate/checks.ts';
import { attemptWrite, definition, stageWrite } from './generate/stages.ts';
import { addressOf } from './played-runners.ts';
import { noGroup } from './reference/dependencies.ts';
import type { AttemptWrite, CheckWrite, StageWrite } from './reference/requests.ts';
import { newStage } from './reference/stage-writes.ts';
import type { Group } from './reference/state.ts';

/** Sequences that lead to the cells which chance comes upon too rarely; each is a run of its own. */
export function directedRuns(planId: string): readonly (readonly Command[])[] {
  const write = (checks: readonly CheckWrite[], stages: readonly StageWrite[]): Command => ({
    do: 'write',
    request: {
      workPlanId: planId,
      checks,
      stages,
      requestId: '',
      reason: '',
      attempt: undefined,
      expectedPlanVersion: undefined,
    },
  });
  const stage = (id: string, change: Partial<StageWrite> = {}) => write([], [stageWrite(id, change)]);
  const attempt = (id: string, change: Partial<AttemptWrite>) => stage(id, { currentAttempt: attemptWrite(change) });
  const open = write([checkWrite('c0')], []);
  const failure = { message: 'broken', reason: 'BAD' };
  const policy = { ...noPolicy, maxAttempts: 1 };

  const scheduled = attemptEvents.flatMap((event, at) => [
    stage(`s${at}`),
    attempt(`s${at}`, { state: 'SCHEDULED' }),
    attempt(`s${at}`, event),
  ]);
  const held = (['PENDING', 'SCHEDULED', 'RUNNING'] as const).flatMap((state, at) => [
    stage(`s${at}`),
    attempt(`s${at}`, { state, processUid: 'u1' }),
    attempt(`s${at}`, { processUid: 'u2' }),
    attempt(`s${at}`, { processUid: 'u2', state: 'COMPLETE' }),
    { do: 'tick', ms: 300_000 } as const,
  ]);
  const ended = (['COMPLETE', 'INCOMPLETE'] as const).flatMap((state) =>
    attemptEvents.flatMap((event, at) => [
      stage(`${state}${at}`, { executionPolicy: policy }),
      attempt(`${state}${at}`, { state, processUid: 'u1' }),
      attempt(`${state}${at}`, event),
    ]),
  );
  const silent = ['SCHEDULED', 'RUNNING'] as const;
  const heartbeats = silent.flatMap((state, at) => [
    stage(`s${at}`, { executionPolicy: { ...policy, heartbeatTimeoutMs: 1000 } }),
    attempt(`s${at}`, { state, processUid: 'u1' }),
    { do: 'restart', awayMs: 500 } as const,
    { do: 'tick', ms: 1000 } as const,
  ]);
  const awaiting = stageEvents.flatMap((event, at) => [
    stage(`s${at}`, { continuationGroup: onCheck }),
    attempt(`s${at}`, { state: 'COMPLETE' }),
    stage(`s${at}`, event),
  ]);
  const planned = stageEvents.flatMap((event, at) => [
    stage(`p${at}`, { dependencies: onCheck }),
    stage(`p${at}`, event),
  ]);
  const brandNew = stageEvents.map((event, at) => stage(`n${at}`, event));
  const late = { ...policy, stageTimeoutMs: 8000 };
  const inTime = [
    stage('complete', { continuationGroup: onCheck, executionPolicy: late }),
    attempt('complete', { state: 'COMPLETE' }),
    stage('failed', { continuationGroup: onCheck, executionPolicy: policy }),
    attempt('failed', { state: 'INCOMPLETE' }),
    stage('blocked', { continuationGroup: onCheck }),
    attempt('blocked', { state: 'INCOMPLETE', blockNewAttempts: true }),
    stage('planned', { dependencies: onCheck, executionPolicy: late }),
    { do: 'tick', ms: 8000 } as const,
    write([checkWrite('c0', { state: 'FINAL' })], []),
  ];
  const calls = (['SYNC', 'ASYNC'] as const).flatMap((executionMode) =>
    callEnds.flatMap((outcome, at) => [
      register(planId),
      stage(`${executionMode}${at}`, { executionMode, runnerType: 'pushed', executionPolicy: policy }),
      { do: 'endCall', turn: 0, outcome } as const,
      { do: 'tick', ms: 60_000 } as const,
    ]),
  );
  const running = callEnds.flatMap((outcome, at) => [
    register(planId),
    stage(`r${at}`, { runnerType: 'pushed', executionPolicy: policy }),
    { do: 'tick', ms: 60 } as const,
    { do: 'endCall', turn: 0, outcome } as const,
    { do: 'tick', ms: 60_000 } as const,
  ]);
  const restarts = [
    register(planId),
    stage('called', { runnerType: 'pushed' }),
    { do: 'tick', ms: 60 } as const,
    stage('offered', { runnerType: 'pushed', executionMode: 'ASYNC' }),
    stage('reserved', { runnerType: 'pushed' }),
    { do: 'restart', awayMs: 0 } as const,
    stage('offered', { cancel: true }),
    { do: 'tick', ms: 10_000 } as const,
  ];
  const checks = [
    write([checkWrite('c1', { state: 'PLANNED', dependencies: onCheck })], []),
    write([checkWrite('c1', { state: 'PLANNING' })], []),
    write(
      [
        checkWrite('c1', {
          state: 'FINAL',
          result: { ownerType: 'user', ownerId: 'x', data: undefined, finalize: false, failure },
        }),
      ],
      [],
    ),
  ];
  const found = (idx: number) => ({
    ownerType: 'stage_attempt',
    ownerId: `s:${idx}`,
    data: undefined,
    finalize: false,
    failure,
  });
  const superseded = [
    write([checkWrite('c1', { state: 'PLANNED' })], [stageWrite('s')]),
    write([checkWrite('c1', { result: found(1) })], []),
    attempt('s', { state: 'INCOMPLETE', failure }),
    write([checkWrite('c1', { result: found(1) })], []),
    write([checkWrite('c1', { state: 'FINAL' })], []),
  ];
  return [superseded, scheduled, held, ended, heartbeats, calls, running, restarts]
    .map((commands): readonly Command[] => commands)
    .concat([awaiting, planned, brandNew, inTime, checks].map((commands) => [open, ...commands]));
}

const onCheck: Group = { ...noGroup, dependencies: [{ targetType: 'CHECK', targetId: 'c0', condition: 'FINAL' }] };

const noPolicy = {
  maxAttempts: undefined,
  attemptTimeoutMs: undefined,
  heartbeatTimeoutMs: undefined,
  stageTimeoutMs: undefined,
  backoffInitialMs: undefined,
  backoffMultiplier: undefined,
  backoffMaxMs: undefined,
};

const attemptEvents: readonly Partial<AttemptWrite>[] = [
  { state: 'PENDING' },
  { state: 'SCHEDULED' },
  { state: 'RUNNING' },
  { state: 'RUNNING', processUid: 'u1' },
  { state: 'COMPLETE' },
  { state: 'INCOMPLETE' },
  { processUid: 'u1' },
  { processUid: 'u2' },
  { failure: { message: 'broken', reason: '' } },
  { details: { a: 1 } },
  { progress: { message: 'step', percent: 10, details: undefined, idempotencyKey: '', timestamp: undefined } },
  { blockNewAttempts: true },
  { attemptIdx: 2 },
];

const same = definition(newStage(stageWrite(''), '', 0));

const stageEvents: readonly Partial<StageWrite>[] = [
  { state: 'PLANNED' },
  { state: 'ATTEMPTING' },
  { state: 'AWAITING_GROUP' },
  { state: 'FINAL' },
  { state: 'FINAL', failure: { message: 'broken', reason: '' } },
  { executionMode: same.executionMode },
  { executionMode: 'ASYNC' },
  { continuationGroup: noGroup },
  { cancel: true },
  { currentAttempt: attemptWrite({ state: 'COMPLETE' }) },
];

const answer = { stageState: undefined, checkUpdates: [], failure: undefined, details: undefined };

const callEnds: readonly RunOutcome[] = [
  { kind: 'ANSWERED', answer },
  { kind: 'TIMED_OUT', message: '' },
  { kind: 'BROKEN', message: '' },
  // The last one, since its runner is suspended then.
  { kind: 'UNDELIVERED', message: '' },
];

function register(planId: string): Command {
  const runnerId = `a of ${planId}`;
  const address = addressOf(runnerId, 1);
  const supportedModes = ['SYNC', 'ASYNC'] as const;
  return {
    do: 'register',
    request: { runnerId, runnerType: 'pushed', address, supportedModes, maxConcurrent: 0, ttlMs: 600_000 },
  };
}
