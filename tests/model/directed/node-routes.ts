import { checkWrite } from '../generate/checks.ts';
import { stageWrite } from '../generate/stages.ts';
import { attemptEvents, checkEvents, failure, onCheck, once, stageEvents } from './events.ts';
import type { Orders, Route } from './orders.ts';

/** Routes to what may come upon a plan, and upon its checks. */
export function checkRoutes({ write, check, attempt }: Orders): readonly Route[] {
  const events = (['PLANNING', 'PLANNED', 'WAITING', 'FINAL'] as const).flatMap((state) =>
    checkEvents.flatMap((event, at) => [
      check(`${state}${at}`, { state, dependencies: state === 'PLANNED' ? onCheck : undefined }),
      check(`${state}${at}`, event),
      check(`new ${state}${at}`, event),
    ]),
  );
  const result = { ownerType: 'user', ownerId: 'x', data: undefined, finalize: false, failure };
  const failed = [
    check('c1', { state: 'PLANNED', dependencies: onCheck }),
    check('c1', { state: 'PLANNING' }),
    check('c1', { state: 'FINAL', result }),
  ];
  const found = { ...result, ownerType: 'stage_attempt', ownerId: 's:1' };
  const superseded = [
    write({ checks: [checkWrite('c1', { state: 'PLANNED' })], stages: [stageWrite('s')] }),
    check('c1', { result: found }),
    attempt('s', { state: 'INCOMPLETE', failure }),
    check('c1', { result: found }),
    check('c1', { state: 'FINAL' }),
  ];
  const asked = (id: string): Route => [
    write({ checks: [checkWrite(id, { state: 'FINAL' })], requestId: 'r' }),
    write({ checks: [checkWrite(id, { state: 'FINAL' })], expectedPlanVersion: 99 }),
    { do: 'cancelPlan' },
  ];
  const ofPlan = [...asked('c1'), ...asked('c1'), ...asked('c2'), check('c0'), ...asked('c1'), ...asked('c2')];
  return [[check('c0'), ...events], [check('c0'), ...failed], superseded, ofPlan];
}

/** Routes to what may come upon stages that have no live attempt; `c0` is what they wait for. */
export function stageRoutes({ check, stage, attempt, tick }: Orders): readonly Route[] {
  const brandNew = [
    ...stageEvents.map((event, at) => stage(`n${at}`, event)),
    ...attemptEvents.map((event, at) => attempt(`a${at}`, event)),
  ];
  const planned = stageEvents.flatMap((event, at) => [
    stage(`p${at}`, { dependencies: onCheck }),
    stage(`p${at}`, event),
  ]);
  const awaiting = stageEvents.flatMap((event, at) => [
    stage(`s${at}`, { continuationGroup: onCheck }),
    attempt(`s${at}`, { state: 'COMPLETE' }),
    stage(`s${at}`, event),
  ]);
  const late = { ...once, stageTimeoutMs: 8000 };
  const inTime = [
    stage('complete', { continuationGroup: onCheck, executionPolicy: late }),
    attempt('complete', { state: 'COMPLETE' }),
    stage('failed', { continuationGroup: onCheck, executionPolicy: once }),
    attempt('failed', { state: 'INCOMPLETE' }),
    stage('blocked', { continuationGroup: onCheck }),
    attempt('blocked', { state: 'INCOMPLETE', blockNewAttempts: true }),
    stage('planned', { dependencies: onCheck, executionPolicy: late }),
    tick(8000),
    check('c0', { state: 'FINAL' }),
  ];
  return [brandNew, planned, awaiting, inTime].map((route) => [check('c0'), ...route]);
}
