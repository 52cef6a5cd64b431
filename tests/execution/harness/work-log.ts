import { expect } from 'vitest';
import type { LogEntry } from '../runner/log.ts';
import type { RunnerProcess } from './runner-process.ts';

/** From when to when an execution was worked on, and where; without an end it was cut. */
export type Span = {
  readonly stage: string;
  readonly executionId: string;
  readonly runnerId: string;
  readonly from: number;
  readonly to: number;
};

/** The work that runners did, by its beginning. No execution has begun twice. */
export function spans(...runners: readonly RunnerProcess[]): readonly Span[] {
  const entries = runners.flatMap((runner) => runner.entries);
  const starts = entries.filter(({ event }) => event === 'start').toSorted((one, other) => one.time - other.time);
  const ids = starts.map(({ executionId }) => executionId);
  expect(new Set(ids).size, 'executions that began twice').toBe(ids.length);
  return starts.map((start) => spanOf(start, entries));
}

function spanOf({ stage, executionId, runnerId, time }: LogEntry, entries: readonly LogEntry[]): Span {
  const end = entries.find((entry) => entry.event === 'end' && entry.executionId === executionId);
  return { stage, executionId, runnerId, from: time, to: end?.time ?? Number.POSITIVE_INFINITY };
}

/** The most spans that overlapped at any time. */
export function mostAtOnce(all: readonly Span[]): number {
  return Math.max(0, ...all.map(({ from }) => all.filter((other) => other.from <= from && from < other.to).length));
}

/** The span of a stage that was worked on once. */
export function spanOfStage(all: readonly Span[], stage: string): Span {
  const found = all.filter((span) => span.stage === stage);
  expect(found, `executions of ${stage}`).toHaveLength(1);
  return found[0] ?? expect.fail();
}

/** Every stage began only after those before it had ended. */
export function expectOrder(all: readonly Span[], before: readonly string[], after: string): void {
  const { from } = spanOfStage(all, after);
  for (const stage of before) {
    expect(from, `${after} follows ${stage}`).toBeGreaterThanOrEqual(spanOfStage(all, stage).to);
  }
}
