import type { Command } from '../commands.ts';
import { checkWrite } from '../generate/checks.ts';
import { attemptWrite, stageWrite } from '../generate/stages.ts';
import { addressOf } from '../played-runners.ts';
import type { AttemptWrite, CheckWrite, StageWrite, WriteNodes } from '../reference/requests.ts';

/** A sequence of commands that leads somewhere. */
export type Route = readonly Command[];

/** The commands to one plan, in few words. */
export type Orders = ReturnType<typeof ordersTo>;

/** Runners of it are pushed to, and have all the room there is. */
export const runnerType = 'pushed';

export function ordersTo(planId: string) {
  const write = (change: Partial<WriteNodes>): Command => ({
    do: 'write',
    request: {
      workPlanId: planId,
      checks: [],
      stages: [],
      requestId: '',
      reason: '',
      attempt: undefined,
      expectedPlanVersion: undefined,
      ...change,
    },
  });
  const check = (id: string, change: Partial<CheckWrite> = {}) => write({ checks: [checkWrite(id, change)] });
  const stage = (id: string, change: Partial<StageWrite> = {}) => write({ stages: [stageWrite(id, change)] });
  const attempt = (id: string, change: Partial<AttemptWrite>) => stage(id, { currentAttempt: attemptWrite(change) });
  const tick = (ms: number): Command => ({ do: 'tick', ms });
  return { write, check, stage, attempt, tick, register: () => register(planId) };
}

function register(planId: string): Command {
  const runnerId = `a of ${planId}`;
  const address = addressOf(runnerId, 1);
  const supportedModes = ['SYNC', 'ASYNC'] as const;
  return {
    do: 'register',
    request: { runnerId, runnerType, address, supportedModes, maxConcurrent: 0, ttlMs: 600_000 },
  };
}
