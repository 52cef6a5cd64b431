import { toJson } from '@bufbuild/protobuf';
import { Outcome, WorkPlanState } from '../../gen/turboci/v1/common_pb.js';
import { WorkPlanEventSchema } from '../../gen/turboci/v1/service_pb.js';
import type { Cli } from './cli.ts';
import type { ServerClient } from './client.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { follow } from './follow.ts';
import { Board, outcomeWords } from './progress/board.ts';
import { type EndedPlan, failuresOf, planDuration, summaryLines } from './progress/summary.ts';
import { createView, type ProgressView } from './progress/view.ts';
import { fetchEverything, planName } from './queries.ts';

/** How long a server may be away before following it is given up. */
const PATIENCE_MS = 120_000;

export type FollowPlanOptions = {
  readonly planId: string;
  /** Events after this revision; everything after it is shown. */
  readonly sinceRevision: bigint;
  readonly json: boolean;
  /** Stops following. */
  readonly signal: AbortSignal;
  /** Where the server keeps logs, if that is known. */
  readonly logDir: string | undefined;
  /** Called once with the view, so that others can put notes on it. */
  readonly onView?: (view: ProgressView) => void;
};

/**
 * Shows a plan until it is complete and sums it up. Answers the exit code that its outcome means; undefined when `signal`
 * aborted before the end.
 */
export async function followPlan(
  cli: Cli,
  client: ServerClient,
  options: FollowPlanOptions,
): Promise<ExitCode | undefined> {
  const { planId, sinceRevision, json, signal, logDir, onView } = options;
  const board = new Board();
  const view = json ? silent : createView(cli.out, board, cli.clock);
  onView?.(view);
  const request = { workPlanId: planId, sinceRevision, endOnCompletion: true };
  const onInterruption = (): void => view.note(`no connection to ${client.address}; trying again`);
  try {
    for await (const event of follow(client, { request, signal, onInterruption, patienceMs: PATIENCE_MS })) {
      if (json) cli.out.json({ event: toJson(WorkPlanEventSchema, event) });
      const change = board.apply(event);
      if (change !== undefined) view.changed(change);
    }
  } finally {
    view.end();
  }
  if (signal.aborted) return undefined;

  const ended = await fetchEverything(client, planId);
  if (ended.plan.state === WorkPlanState.ACTIVE)
    throw new Error(`the server ended the watch of plan ${planId}, which is active`);
  if (json) cli.out.json({ summary: summaryJson(ended) });
  else cli.out.lines(summaryLines(ended, planName(ended.plan), logDir, cli.out.paint));
  return ended.plan.outcome === Outcome.SUCCEEDED ? exitCode.ok : exitCode.planNotSucceeded;
}

const silent: ProgressView = { changed: () => {}, note: () => {}, end: () => {} };

/** The end of a plan for programs. */
export function summaryJson(ended: EndedPlan): object {
  const { plan, stages, checks } = ended;
  return {
    plan_id: plan.id,
    name: planName(plan),
    outcome: outcomeWords[plan.outcome],
    duration_ms: planDuration(ended),
    stages: Object.fromEntries(stages.map(({ id, outcome }) => [id, outcomeWords[outcome]])),
    checks: Object.fromEntries(checks.map(({ id, outcome }) => [id, outcomeWords[outcome]])),
    failures: failuresOf(ended),
  };
}
