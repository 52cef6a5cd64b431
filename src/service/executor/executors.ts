import type { Clock } from '../../domain/ports.ts';
import type { Executor } from './executor.ts';
import { NoopExecutor } from './noop.ts';
import { ProcessExecutor, type ProcessExecutorOptions } from './process.ts';

export type ExecutorsOptions = {
  readonly clock: Clock;
  readonly process: Omit<ProcessExecutorOptions, 'clock'>;
};

/** All builtin executors by runner type, those that are switched off included. */
export function createExecutors(options: ExecutorsOptions): ReadonlyMap<string, Executor> {
  const executors = [
    new NoopExecutor(options.clock),
    new ProcessExecutor({ ...options.process, clock: options.clock }),
  ];
  return new Map(executors.map((executor) => [executor.runnerType, executor]));
}
