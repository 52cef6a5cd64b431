import { attemptEvents, once } from './events.ts';
import type { Orders, Route } from './orders.ts';

const liveStates = ['PENDING', 'SCHEDULED', 'RUNNING'] as const;

/** Routes to what may come upon attempts that writers drive. */
export function attemptRoutes({ stage, attempt, tick }: Orders): readonly Route[] {
  const scheduled = attemptEvents.flatMap((event, at) => [
    stage(`s${at}`),
    attempt(`s${at}`, { state: 'SCHEDULED' }),
    attempt(`s${at}`, event),
  ]);
  const held = liveStates.flatMap((state, at) => [
    stage(`s${at}`),
    attempt(`s${at}`, { state, processUid: 'u1' }),
    attempt(`s${at}`, { processUid: 'u2' }),
    attempt(`s${at}`, { attemptIdx: 2 }),
    attempt(`s${at}`, { processUid: 'u2', state: 'COMPLETE' }),
    tick(300_000),
  ]);
  const ended = (['COMPLETE', 'INCOMPLETE'] as const).flatMap((state) =>
    attemptEvents.flatMap((event, at) => [
      stage(`${state}${at}`, { executionPolicy: once }),
      attempt(`${state}${at}`, { state, processUid: 'u1' }),
      attempt(`${state}${at}`, event),
    ]),
  );
  const anxious = { ...once, heartbeatTimeoutMs: 1000 };
  const restarted = liveStates.flatMap(
    (state, at): Route => [
      stage(`s${at}`, { executionPolicy: anxious }),
      attempt(`s${at}`, { state, processUid: 'u1' }),
      { do: 'restart', awayMs: 500 },
      tick(1000),
    ],
  );
  const jumped = liveStates.flatMap(
    (state, at): Route => [
      stage(`s${at}`, { executionPolicy: anxious }),
      attempt(`s${at}`, { state, processUid: 'u1' }),
      { do: 'jump', ms: 60_000, heard: [] },
    ],
  );
  const inherited = [
    stage('s', { executionPolicy: { ...anxious, maxAttempts: 2 } }),
    attempt('s', { processUid: 'u1' }),
    tick(1000),
    stage('s', { state: 'FINAL' }),
  ];
  return [scheduled, held, ended, restarted, jumped, inherited];
}
