import { CliError } from '../cli-error.ts';
import { exitCode } from '../exit-code.ts';
import type { PlanNodes } from './plan-nodes.ts';
import { type Finding, type PlanPath, type PlanProblem, problemLine } from './problem.ts';

/** What a server's error about a write is put back into the file with. */
export type WrittenPlan = { readonly nodes: PlanNodes; readonly place: (finding: Finding) => PlanProblem };

/** Keys of an entry, by the field of the request that is made of it. */
const keys: ReadonlyMap<string, string> = new Map([
  ['args.command', 'run'],
  ['args.cwd', 'cwd'],
  ['args.env', 'env'],
  ['args.timeout', 'timeout'],
  ['args.results', 'results'],
  ['args', 'args'],
  ['assignments', 'answers'],
  ['continuation_group', 'continues_until'],
  ['dependencies', 'needs'],
  ['execution_mode', 'mode'],
  ['execution_policy.attempt_timeout', 'timeout'],
  ['execution_policy.backoff_initial', 'backoff'],
  ['execution_policy.backoff_max', 'backoff'],
  ['execution_policy.backoff_multiplier', 'backoff'],
  ['execution_policy.heartbeat_timeout', 'heartbeat_timeout'],
  ['execution_policy.max_attempts', 'attempts'],
  ['execution_policy.stage_timeout', 'stage_timeout'],
  ['kind', 'kind'],
  ['options', 'options'],
  ['runner_type', 'runner'],
]);

/** The error of a refused write, with the places in the plan file for the fields that the server found wrong. */
export function withPlaces(error: unknown, plan: WrittenPlan): unknown {
  if (!(error instanceof CliError) || error.exitCode !== exitCode.usage) return error;
  const { exitCode: code, reason, details, remedy } = error;
  return new CliError(error.message, {
    exitCode: code,
    reason,
    details: details.map(({ path, message }) => {
      const at = planPath(path, plan.nodes);
      return at === undefined
        ? { path, message }
        : { path: '', message: problemLine(plan.place({ path: at, message })) };
    }),
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  });
}

/** `stages[3].args.command` → `stages.NAME.run`. */
function planPath(field: string, { stages, checks }: PlanNodes): PlanPath | undefined {
  if (/^metadata\b/u.test(field)) return ['metadata'];
  const [, list, index, rest = ''] = /^(stages|checks)\[(\d+)\](?:\.(.*))?$/u.exec(field) ?? [];
  const id = (list === 'stages' ? stages : checks)[Number(index)]?.id;
  if (list === undefined || id === undefined) return undefined;
  const [first = '', second = ''] = rest.split(/[.[]/u);
  const key = keys.get(`${first}.${second}`) ?? keys.get(first);
  return [list, id, ...(key === undefined ? [] : [key])];
}
