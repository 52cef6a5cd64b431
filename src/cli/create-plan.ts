import { setTimeout as delay } from 'node:timers/promises';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import type { ServerClient } from './client.ts';
import { exitCode } from './exit-code.ts';
import type { Plan } from './plan/plan-file.ts';
import { withPlaces } from './plan/server-places.ts';

/** Marks plans that an embedded server runs: they end with the command, so a later run may cancel what is left of them. */
export const embeddedRun: Readonly<Record<string, string>> = { 'turboci.run': 'embedded' };

const RETRIES = 8;
const FIRST_WAIT_MS = 100;

/**
 * Creates a plan with its nodes and answers its id and the revision before its nodes. If the nodes are refused, the empty
 * plan is cancelled, so that nobody finds it waiting for ever.
 */
export async function createPlan(
  cli: Cli,
  client: ServerClient,
  plan: Plan,
  mark: Readonly<Record<string, string>>,
): Promise<{ readonly planId: string; readonly sinceRevision: bigint }> {
  const { createWorkPlan, writeNodes, cancelWorkPlan } = TurboCIOrchestrator.method;
  const { name, metadata, nodes } = plan;
  const creation = { metadata: { name, ...metadata, ...mark }, requestId: cli.newRequestId() };
  const { workPlan } = await client.call(createWorkPlan, creation).catch((error: unknown) => {
    throw withPlaces(error, plan);
  });
  if (workPlan === undefined) throw new Error('CreateWorkPlan answered without a plan');
  const write = {
    workPlanId: workPlan.id,
    checks: [...nodes.checks],
    stages: [...nodes.stages],
    requestId: cli.newRequestId(),
    reason: 'turboci run',
  };
  try {
    await retrying(() => client.call(writeNodes, write));
  } catch (error) {
    const request = { id: workPlan.id, reason: 'its nodes were refused' };
    // The first error is the one to show; a plan that cannot even be cancelled does no harm.
    await client.call(cancelWorkPlan, request).catch(() => undefined);
    throw withPlaces(error, plan);
  }
  return { planId: workPlan.id, sinceRevision: workPlan.version };
}

/** Repeats a call that has the same effect however often it is made, while the server is away for a moment. */
export async function retrying<T>(call: () => Promise<T>): Promise<T> {
  for (let wait = FIRST_WAIT_MS, left = RETRIES; ; wait *= 2, left--) {
    try {
      return await call();
    } catch (error) {
      if (left === 0 || !(error instanceof CliError) || error.exitCode !== exitCode.unavailable) throw error;
    }
    await delay(wait);
  }
}
