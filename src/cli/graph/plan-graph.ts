import {
  CheckState,
  DependencyCondition,
  type DependencyGroup,
  NodeType,
  Outcome,
  PredicateType,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';

/** How a node stands; `open` is also what a plan in a file is. */
export type GraphStatus = 'open' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped';

export type GraphNode = {
  /** Short and free of special characters: n0, n1, … */
  readonly key: string;
  /** A gate stands for a group of dependencies that is not simply "all of these". */
  readonly type: 'stage' | 'check' | 'gate';
  readonly label: string;
  readonly status: GraphStatus;
};

export type GraphEdge = {
  readonly from: string;
  readonly to: string;
  /** needs: `to` waits for `from`; answers: a stage and its check; adds: a stage and one that it added. */
  readonly type: 'needs' | 'answers' | 'adds';
  /** The condition, where it is not success. */
  readonly label: string;
};

export type PlanGraph = { readonly nodes: readonly GraphNode[]; readonly edges: readonly GraphEdge[] };

/** What the graph looks at; both stored and written nodes have it. */
export type GraphSource = {
  readonly stages: readonly {
    readonly id: string;
    readonly state: StageState;
    readonly outcome?: Outcome;
    readonly parentStageId?: string;
    readonly dependencies?: DependencyGroup | undefined;
    readonly assignments: readonly { readonly targetCheckId: string }[];
  }[];
  readonly checks: readonly {
    readonly id: string;
    readonly state: CheckState;
    readonly outcome?: Outcome;
    readonly dependencies?: DependencyGroup | undefined;
  }[];
};

/**
 * The graph of a plan. A check that only the stage of the same name answers is left out, since it repeats that stage,
 * unless `everyCheck`; an edge to it then leads to the stage.
 */
export function planGraph({ stages, checks }: GraphSource, everyCheck: boolean): PlanGraph {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const gates = new Set<string>();
  const add = (node: Omit<GraphNode, 'key'>): string => {
    const key = `n${nodes.length}`;
    nodes.push({ key, ...node });
    return key;
  };
  const folded = everyCheck ? new Set<string>() : soleChecks(stages);
  const stageKeys = new Map(
    stages.map((stage) => [stage.id, add({ type: 'stage', label: stage.id, status: stageStatus(stage) })]),
  );
  const checkKeys = new Map(
    checks.map((check) => {
      const stageKey = folded.has(check.id) ? stageKeys.get(check.id) : undefined;
      return [check.id, stageKey ?? add({ type: 'check', label: check.id, status: checkStatus(check) })];
    }),
  );

  const connect = (group: DependencyGroup | undefined, to: string): void => {
    if (group === undefined) return;
    const target = gateOf(group, to);
    for (const { targetType, targetId, condition } of group.dependencies) {
      const from = (targetType === NodeType.STAGE ? stageKeys : checkKeys).get(targetId);
      if (from !== undefined) edges.push({ from, to: target, type: 'needs', label: conditionLabel(condition) });
    }
    for (const nested of group.groups) connect(nested, target);
  };
  const gateOf = ({ predicate, dependencies, groups, threshold }: DependencyGroup, to: string): string => {
    const members = dependencies.length + groups.length;
    const isAnd = predicate === PredicateType.AND || predicate === PredicateType.UNKNOWN;
    const isPlain = members < 2 || (isAnd && !gates.has(to));
    if (isPlain) return to;
    const label = isAnd ? 'all' : predicate === PredicateType.OR ? 'any' : `${threshold} of ${members}`;
    const gate = add({ type: 'gate', label, status: 'open' });
    gates.add(gate);
    edges.push({ from: gate, to, type: 'needs', label: '' });
    return gate;
  };

  for (const { id, dependencies, assignments, parentStageId } of stages) {
    const key = stageKeys.get(id) ?? '';
    connect(dependencies, key);
    for (const { targetCheckId } of assignments) {
      const to = checkKeys.get(targetCheckId);
      if (to !== undefined && to !== key) edges.push({ from: key, to, type: 'answers', label: '' });
    }
    const parent = stageKeys.get(parentStageId ?? '');
    if (parent !== undefined) edges.push({ from: parent, to: key, type: 'adds', label: '' });
  }
  for (const { id, dependencies } of checks) {
    if (!folded.has(id)) connect(dependencies, checkKeys.get(id) ?? '');
  }
  return { nodes, edges };
}

/** Checks that no stage but the one of the same name answers. */
function soleChecks(stages: GraphSource['stages']): ReadonlySet<string> {
  const sole = new Set<string>();
  const shared = new Set<string>();
  for (const { id, assignments } of stages) {
    for (const { targetCheckId } of assignments) (targetCheckId === id ? sole : shared).add(targetCheckId);
  }
  return new Set([...sole].filter((id) => !shared.has(id)));
}

function conditionLabel(condition: DependencyCondition): string {
  switch (condition) {
    case DependencyCondition.SUCCEEDED:
      return '';
    case DependencyCondition.FAILED:
      return 'failed';
    case DependencyCondition.FINAL:
    case DependencyCondition.UNKNOWN:
      return 'final';
  }
}

function stageStatus({ state, outcome }: GraphSource['stages'][number]): GraphStatus {
  switch (state) {
    case StageState.ATTEMPTING:
      return 'running';
    case StageState.AWAITING_GROUP:
      return 'waiting';
    case StageState.FINAL:
      return outcomeStatus(outcome);
    case StageState.PLANNED:
    case StageState.UNKNOWN:
      return 'open';
  }
}

function checkStatus({ state, outcome }: GraphSource['checks'][number]): GraphStatus {
  if (state === CheckState.FINAL) return outcomeStatus(outcome);
  return state === CheckState.WAITING ? 'waiting' : 'open';
}

function outcomeStatus(outcome: Outcome | undefined): GraphStatus {
  switch (outcome) {
    case Outcome.SUCCEEDED:
      return 'succeeded';
    case Outcome.FAILED:
      return 'failed';
    case Outcome.CANCELLED:
      return 'cancelled';
    case Outcome.SKIPPED:
      return 'skipped';
    case Outcome.UNKNOWN:
    case undefined:
      return 'open';
  }
}
