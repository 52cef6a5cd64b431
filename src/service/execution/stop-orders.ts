import type { EditEffects, StopOrder } from '../edit/edit-effects.ts';
import type { EffectListener } from '../edit/editor.ts';
import { AbortCause, type Executions } from './executions.ts';
import type { RunnerCalls } from './runner-calls.ts';
import type { RunnerRegistry } from './runner-registry.ts';
import type { RunnerRuns } from './runner-runs.ts';

export type StopOrdersDeps = {
  readonly executions: Executions;
  readonly runs: RunnerRuns;
  readonly registry: RunnerRegistry;
  readonly calls: RunnerCalls;
};

/** Tells executions to stop, wherever they run. Runners that cannot be called are told when they next report. */
export class StopOrders implements EffectListener {
  readonly #deps: StopOrdersDeps;

  constructor(deps: StopOrdersDeps) {
    this.#deps = deps;
  }

  effectsDue(_planId: string, { stops }: EditEffects): void {
    for (const order of stops) this.#stop(order);
  }

  #stop(order: StopOrder): void {
    const { executions, runs, calls, registry } = this.#deps;
    const { executionId, dispatch, runnerId, runnerType, cause, reason } = order;
    if (dispatch === 'BUILTIN') {
      executions.abort(executionId, new AbortCause(cause, reason));
      return;
    }
    if (runs.stop(order) || runnerId === undefined) return;
    const address = registry.find(runnerId, runnerType)?.address ?? '';
    if (address !== '') void calls.cancel(address, executionId, reason);
  }
}
