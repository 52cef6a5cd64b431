import { onTestFinished } from 'vitest';
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts';
import type { Clock } from '../../../src/domain/ports.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLogger } from '../../../src/platform/logger.ts';
import type { RunnerTask } from '../../../src/service/execution/runner-calls.ts';
import { GrpcRunnerCalls } from '../../../src/transport/runner/grpc-runner-calls.ts';

/** The server's side of calls to runners, closed after the test. */
export function runnerCalls({
  clock = systemClock(),
  limits = {},
  callbackAddress = '127.0.0.1:50051',
}: {
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
  readonly callbackAddress?: string;
} = {}): GrpcRunnerCalls {
  const calls = new GrpcRunnerCalls({
    callbackAddress: () => callbackAddress,
    limits: { ...defaultLimits, ...limits },
    clock,
    log: silentLogger,
  });
  onTestFinished(() => calls.close());
  return calls;
}

/** An attempt to hand out; it has a minute. */
export function task(clock: Pick<Clock, 'now'>, over: Partial<RunnerTask> = {}): RunnerTask {
  return {
    executionId: 'execution-1',
    planId: 'plan',
    stageId: 'build',
    attemptIdx: 1,
    args: {},
    assignedCheckIds: [],
    runnerType: 'docker',
    deadline: clock.now() + 60_000,
    checkOptions: [],
    metadata: {},
    heartbeatTimeoutMs: 0,
    ...over,
  };
}

/** What `run` wants beside the task, with nothing to abort it and the count of its `onSent`. */
export function watched() {
  const abort = new AbortController();
  let sent = 0;
  return {
    signal: abort.signal,
    onSent: () => {
      sent += 1;
    },
    abort: () => abort.abort(),
    sent: () => sent,
  };
}
