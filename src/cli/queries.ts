import { NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { WorkPlan } from '../../gen/turboci/v1/workplan_pb.js';
import type { ServerClient } from './client.ts';
import type { EndedPlan } from './progress/summary.ts';

/** A plan, or the server's error if there is none of that id. */
export async function fetchPlan(client: ServerClient, id: string): Promise<WorkPlan> {
  const { workPlan } = await client.call(TurboCIOrchestrator.method.getWorkPlan, { id });
  if (workPlan === undefined) throw new Error('GetWorkPlan answered without a plan');
  return workPlan;
}

/** Nodes that fit into one answer also when each has a long history. */
const PAGE = 1_000;

/** A plan with all of its nodes, fetched page by page. */
export async function fetchEverything(client: ServerClient, id: string, view = NodeView.FULL): Promise<EndedPlan> {
  const plan = await fetchPlan(client, id);
  const everything = {
    plan,
    stages: new Array<EndedPlan['stages'][number]>(),
    checks: new Array<EndedPlan['checks'][number]>(),
  };
  let pageToken = '';
  do {
    const page = await client.call(TurboCIOrchestrator.method.queryNodes, {
      workPlanId: id,
      view,
      pageSize: PAGE,
      pageToken,
    });
    everything.stages.push(...page.stages);
    everything.checks.push(...page.checks);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return everything;
}

/** The name under which a plan is shown. */
export function planName({ metadata, id }: WorkPlan): string {
  return metadata.name ?? id;
}
