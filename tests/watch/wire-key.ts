import type { WorkPlanEvent } from '../../gen/turboci/v1/service_pb.js';
import { completionCounts } from './plan-history.ts';

/** What identifies an event that a watcher got, in the words of the stored history. */
export function wireKey({ revision, event }: WorkPlanEvent): string {
  switch (event.case) {
    case 'checkEvent':
      return `${revision} check ${event.value.checkId} ${event.value.oldState} > ${event.value.newState}`;
    case 'stageEvent':
      return `${revision} stage ${event.value.stageId} ${event.value.oldState} > ${event.value.newState}`;
    case 'workPlanEvent':
      return `${revision} plan  ${event.value.oldState} > ${event.value.newState}`;
    case 'completedEvent': {
      const { checksCompleted, stagesCompleted, hasFailures } = event.value;
      return `${revision} completed ${completionCounts(checksCompleted, stagesCompleted, hasFailures)}`;
    }
    case undefined:
      return `${revision} nothing`;
  }
}

/** Whether the key is that of a completed_event. */
export function isCompletion(key: string): boolean {
  return key.includes(' completed ');
}

export function revisionOf(key: string): number {
  return Number.parseInt(key, 10);
}
