import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Command, Option } from 'commander';
import { WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import { type WorkPlan, WorkPlanSchema } from '../../../gen/turboci/v1/workplan_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { oneLine } from '../output.ts';
import { outcomeWords } from '../progress/board.ts';
import { planName } from '../queries.ts';
import { keyValue, wholeNumber } from './arguments.ts';

type ListOptions = ServerOptions & {
  readonly limit: number;
  readonly state?: keyof typeof states;
  readonly metadata?: Readonly<Record<string, string>>;
};

const states = { active: WorkPlanState.ACTIVE, complete: WorkPlanState.COMPLETE, cancelled: WorkPlanState.CANCELLED };

export function addListCommand(program: Command, cli: Cli): void {
  const command = program
    .command('list')
    .summary('list plans, newest first')
    .description('Lists plans, newest first.')
    .option('--limit <number>', 'how many at most', wholeNumber, 20)
    .addOption(new Option('--state <state>', 'only plans in this state').choices(Object.keys(states)))
    .option('--metadata <key=value>', 'only plans with this pair; may be repeated', keyValue);
  addServerOptions(command).action((options: ListOptions) => list(cli, options));
}

async function list(cli: Cli, options: ListOptions): Promise<void> {
  const plans = await withClient(cli, options, async (client) => {
    const found: WorkPlan[] = [];
    let pageToken = '';
    do {
      const page = await client.call(TurboCIOrchestrator.method.listWorkPlans, {
        pageSize: options.limit,
        pageToken,
        states: options.state === undefined ? [] : [states[options.state]],
        metadata: { ...options.metadata },
      });
      found.push(...page.workPlans);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && found.length < options.limit);
    return found.slice(0, options.limit);
  });
  if (options.json) cli.out.json({ workPlans: plans.map((plan) => toJson(WorkPlanSchema, plan)) });
  else if (plans.length === 0) cli.err.line('no plans');
  else cli.out.lines(rows(plans).map(([id, state, created, name]) => `${id}  ${state}  ${created}  ${name}`));
}

function rows(plans: readonly WorkPlan[]): readonly (readonly [string, string, string, string])[] {
  const width = Math.max(...plans.map((plan) => stateWord(plan).length));
  return plans.map((plan) => [
    plan.id,
    stateWord(plan).padEnd(width),
    plan.createdAt === undefined ? '' : `${timestampDate(plan.createdAt).toISOString().slice(0, 19)}Z`,
    oneLine(planName(plan)),
  ]);
}

/** A plan's state in one word: its outcome once it has one. */
export function stateWord({ state, outcome }: WorkPlan): string {
  return state === WorkPlanState.ACTIVE ? 'active' : outcomeWords[outcome];
}
