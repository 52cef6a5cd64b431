import type { CheckChange, PlanHistoryEvent, StageChange } from '../../domain/event.ts';
import type { NodeView } from '../../domain/node.ts';
import type { WatchWorkPlanRequest } from '../requests.ts';

/** Decides which events of its plan a watcher sees. Empty filters let everything pass; the plan's own events always do. */
export function eventFilter(request: WatchWorkPlanRequest): (event: PlanHistoryEvent) => boolean {
  const checkIds = new Set(request.checkIdFilter);
  const stageIds = new Set(request.stageIdFilter);
  const checkStates = new Set(request.checkStateFilter);
  const stageStates = new Set(request.stageStateFilter);
  return (event) => {
    switch (event.type) {
      case 'PLAN':
        return true;
      case 'CHECK':
        return request.includeChecks && passes(checkIds, event.nodeId) && passes(checkStates, event.newState);
      case 'STAGE':
        return request.includeStages && passes(stageIds, event.nodeId) && passes(stageStates, event.newState);
    }
  };
}

function passes<T>(filter: ReadonlySet<T>, value: T): boolean {
  return filter.size === 0 || filter.has(value);
}

/** The event as a view shows it: BASIC leaves out options, args, result data, details and progress. */
export function inView(event: PlanHistoryEvent, view: NodeView): PlanHistoryEvent {
  if (view === 'FULL') return event;
  switch (event.type) {
    case 'PLAN':
      return event;
    case 'CHECK':
      return { ...event, change: basicCheck(event.change) };
    case 'STAGE':
      return { ...event, change: basicStage(event.change) };
  }
}

function basicCheck({ options: _options, results, ...change }: CheckChange): CheckChange {
  if (results === undefined) return change;
  return { ...change, results: results.map((result) => ({ ...result, data: undefined })) };
}

function basicStage({ args: _args, attempts, ...change }: StageChange): StageChange {
  if (attempts === undefined) return change;
  return { ...change, attempts: attempts.map((attempt) => ({ ...attempt, details: undefined, progress: [] })) };
}
