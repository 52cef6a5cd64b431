import type { RunnerOptions } from './runner/options.ts';

/** The types of stages that runners execute. */
export const RUNNER_TYPES = ['compile', 'test'] as const;

type Member = Omit<RunnerOptions, 'orchestrator' | 'log' | 'seed'>;

const usual = { serves: true, pulls: false, cancels: true, ttlSeconds: 30 } as const;

/** The runners: for each type and mode there are several, since each is away at times. */
export const MEMBERS: readonly Member[] = [
  { ...usual, runnerId: 'calls', runnerTypes: ['compile'], modes: ['SYNC'], maxConcurrent: 4 },
  { ...usual, runnerId: 'offers', runnerTypes: ['compile', 'test'], modes: ['ASYNC'], maxConcurrent: 5 },
  { ...usual, runnerId: 'both', runnerTypes: ['test'], modes: ['SYNC', 'ASYNC'], maxConcurrent: 0, cancels: false },
  {
    ...usual,
    runnerId: 'pulls',
    runnerTypes: ['compile', 'test'],
    modes: ['SYNC'],
    maxConcurrent: 4,
    serves: false,
    pulls: true,
    ttlSeconds: 2,
  },
  {
    ...usual,
    runnerId: 'mixes',
    runnerTypes: ['compile', 'test'],
    modes: ['SYNC', 'ASYNC'],
    maxConcurrent: 3,
    pulls: true,
  },
];

/** The most executions of a runner of one type at a time. */
export function limitOf(runnerId: string): number {
  const limit = MEMBERS.find((member) => member.runnerId === runnerId)?.maxConcurrent ?? 0;
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}
