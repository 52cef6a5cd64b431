import { setTimeout as delay } from 'node:timers/promises';
import { CheckState, NodeView, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator, type WorkPlanEvent } from '../../../gen/turboci/v1/service_pb.js';
import type { TestClient } from '../../support/client.ts';
import { RpcError } from '../../support/rpc-error.ts';

const AGAIN_AFTER_MS = 50;
/** The server is away; the watch was too slow. */
const RESUMED = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED']);

/**
 * Watches a plan from its beginning to its end, whatever becomes of the server meanwhile; answers the ends of nodes in
 * the order in which they were told, as `check:ID` and `stage:ID`.
 */
export async function followPlan(client: TestClient, workPlanId: string): Promise<readonly string[]> {
  const ends: { readonly revision: bigint; readonly node: string }[] = [];
  let last = 0n;
  for (;;) {
    try {
      // The last revision may have come in part only: it is asked for again.
      const sinceRevision = last === 0n ? 0n : last - 1n;
      while (ends.at(-1)?.revision === last) ends.pop();
      const request = { workPlanId, sinceRevision, endOnCompletion: true, view: NodeView.BASIC };
      for await (const event of client.stream(TurboCIOrchestrator.method.watchWorkPlan, request)) {
        last = event.revision;
        const node = endedNode(event);
        if (node !== undefined) ends.push({ revision: last, node });
      }
      return ends.map(({ node }) => node);
    } catch (error) {
      if (!(error instanceof RpcError) || !RESUMED.has(error.code)) throw error;
    }
    await delay(AGAIN_AFTER_MS);
  }
}

function endedNode({ event }: WorkPlanEvent): string | undefined {
  if (event.case === 'checkEvent') {
    const { checkId, oldState, newState } = event.value;
    return newState === CheckState.FINAL && oldState !== newState ? `check:${checkId}` : undefined;
  }
  if (event.case !== 'stageEvent') return undefined;
  const { stageId, oldState, newState } = event.value;
  return newState === StageState.FINAL && oldState !== newState ? `stage:${stageId}` : undefined;
}
