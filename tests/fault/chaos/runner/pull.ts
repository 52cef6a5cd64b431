import { setTimeout as delay } from 'node:timers/promises';
import { TurboCIOrchestrator } from '../../../../gen/turboci/v1/service_pb.js';
import type { RunRequest } from '../../../../gen/turboci/v1/stagerunner_pb.js';
import { RpcError } from '../../../support/rpc-error.ts';
import type { Dice } from '../../dice.ts';
import type { ChaosRunner } from './chaos-runner.ts';

const { acquireStageExecutions } = TurboCIOrchestrator.method;

/** How often it cuts its own call, and loses what it was given. */
const CUTS = 0.1;
const LOSES = 0.04;

const AGAIN_AFTER_MS = 50;
const MOST_AT_ONCE = 3;

/** Asks for work for ever. More than there is room for is asked for: the limit is the server's to keep. */
export async function pull(runner: ChaosRunner, dice: Dice, registerAgain: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      const executions = await acquire(runner, dice);
      for (const task of executions) {
        if (!dice.chance(LOSES)) execute(runner, task).catch(runner.fault);
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.code === 'NOT_FOUND') await registerAgain();
      else await delay(AGAIN_AFTER_MS);
    }
  }
}

async function acquire(runner: ChaosRunner, dice: Dice): Promise<readonly RunRequest[]> {
  const { runnerId, runnerTypes } = runner.options;
  const waitSeconds = dice.below(3);
  const request = {
    runnerId,
    runnerTypes,
    maxExecutions: 1 + dice.below(MOST_AT_ONCE),
    wait: { seconds: BigInt(waitSeconds) },
    heldExecutionIds: [...runner.held],
  };
  const patience = dice.chance(CUTS) ? 1 + dice.below(50) : (waitSeconds + 5) * 1000;
  const init = { deadline: Date.now() + (waitSeconds + 5) * 1000, signal: AbortSignal.timeout(patience) };
  return (await runner.client.call(acquireStageExecutions, request, init)).executions;
}

/** Begins only what is certainly its own: an acquired attempt that nobody hears of may go to somebody else. */
async function execute(runner: ChaosRunner, task: RunRequest): Promise<void> {
  const execution = runner.begin('ACQUIRE', task);
  if (await execution.claim()) await runner.finish(execution);
  else runner.forget(execution);
}
