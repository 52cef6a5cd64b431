import type { NodeView } from '../../src/domain/node.ts';
import { anyCall, type ServiceRig } from '../support/service-rig.ts';

/** Every node of a plan as clients read it. */
export function allNodes({ service }: ServiceRig, workPlanId: string, view: NodeView) {
  return service.orchestrator.queryNodes(anyCall, {
    workPlanId,
    checkIds: [],
    stageIds: [],
    checkStates: [],
    stageStates: [],
    includeChecks: true,
    includeStages: true,
    pageSize: 0,
    pageToken: '',
    view,
  });
}
