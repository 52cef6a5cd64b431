import { callEnds, once } from './events.ts';
import { type Orders, type Route, runnerType } from './orders.ts';

/** Routes to what may come upon attempts that are pushed to runners. */
export function callRoutes({ register, stage, attempt, tick }: Orders): readonly Route[] {
  const reserved = (['SYNC', 'ASYNC'] as const).map((executionMode) =>
    callEnds.flatMap(
      (outcome, at): Route => [
        register(),
        stage(`s${at}`, { executionMode, runnerType, executionPolicy: once }),
        { do: 'endCall', turn: 0, outcome },
        tick(60_000),
      ],
    ),
  );
  const running = callEnds.flatMap(
    (outcome, at): Route => [
      register(),
      stage(`s${at}`, { runnerType, executionPolicy: once }),
      tick(60),
      { do: 'endCall', turn: 0, outcome },
      tick(60_000),
    ],
  );
  const writtenTo = callEnds.flatMap(
    (outcome, at): Route => [
      register(),
      stage(`s${at}`, { runnerType, executionPolicy: once }),
      attempt(`s${at}`, { state: 'SCHEDULED' }),
      { do: 'endCall', turn: 0, outcome },
      tick(60_000),
    ],
  );
  const restarted: Route = [
    register(),
    stage('called', { runnerType }),
    tick(60),
    stage('offered', { runnerType, executionMode: 'ASYNC' }),
    stage('reserved', { runnerType }),
    stage('scheduled', { runnerType }),
    attempt('scheduled', { state: 'SCHEDULED' }),
    { do: 'restart', awayMs: 0 },
    stage('offered', { cancel: true }),
    tick(10_000),
  ];
  return [...reserved, running, writtenTo, restarted];
}
