import type { StageWrite, WriteNodesRequest } from '../../../src/service/requests.ts';
import { groupOf } from '../../oracle/node-writes.ts';
import { type Ending, type GraphNode, Oracle, type Tree } from '../../oracle/oracle.ts';
import { policy } from '../../support/runner-rig.ts';
import { checkWrite, stageWrite } from '../../support/writes.ts';
import type { Dice } from '../dice.ts';

/** Who executes a stage: the server, a runner that is called (and answers, or reports later), or one that asks. */
export const executions = ['builtin/noop', 'sync', 'async', 'pull'] as const;
export type Execution = (typeof executions)[number];

/** A plan that the server drives, and what it must come to whatever happens on the way. */
export type WorkPlanScript = {
  readonly nodes: Pick<WriteNodesRequest, 'checks' | 'stages'>;
  /** The outcome of each stage; undefined = the plan is cancelled while it runs, so that many would be right. */
  readonly endings: ReadonlyMap<string, Ending> | undefined;
  /** Stages that create a child while they run. */
  readonly parents: ReadonlySet<string>;
};

const MOST_STAGES = 12;
/** Faults cost attempts: a stage that is to succeed has as many as it needs. */
const PLENTY = 1000;
const ATTEMPT_TIMEOUT_MS = 20_000;

/** A random graph of stages with a check each, that is FINAL once its stage is. */
export function workPlanScript(dice: Dice): WorkPlanScript {
  const nodes: GraphNode[] = [];
  const size = 2 + dice.below(MOST_STAGES - 1);
  while (nodes.length < size) nodes.push(randomStage(dice, `s${nodes.length}`, nodes));
  const kinds = new Map(nodes.map(({ id }) => [id, dice.pick(executions)]));
  const succeed = nodes.filter(({ id, verdict }) => verdict === 'SUCCEEDED' && kinds.get(id) !== 'builtin/noop');
  const parents = new Set(succeed.filter(() => dice.chance(0.2)).map(({ id }) => id));
  return {
    nodes: {
      checks: nodes.map(({ id }) => checkWrite(checkOf(id), { state: 'PLANNED' })),
      stages: nodes.map((node) => writeOf(node, kinds.get(node.id) ?? 'sync', parents.has(node.id))),
    },
    endings: dice.chance(0.2) ? undefined : endingsOf(nodes),
    parents,
  };
}

export function checkOf(stageId: string): string {
  return `${stageId} is good`;
}

export function childOf(stageId: string): string {
  return `${stageId}'s child`;
}

function randomStage(dice: Dice, id: string, earlier: readonly GraphNode[]): GraphNode {
  const targets = earlier.filter(() => dice.chance(0.4)).slice(-3);
  const tree: Tree = {
    predicate: dice.pick(['AND', 'OR']),
    threshold: 0,
    arrows: targets.map(({ id: target }) => ({
      kind: 'STAGE',
      target,
      condition: dice.pick(['FINAL', 'FINAL', 'SUCCEEDED', 'FAILED']),
    })),
    trees: [],
  };
  const dependsOn = targets.length === 0 ? undefined : tree;
  const verdict = dice.chance(0.75) ? 'SUCCEEDED' : 'FAILED';
  return { id, kind: 'STAGE', dependsOn, continuesWith: undefined, verdict };
}

function writeOf({ id, dependsOn, verdict }: GraphNode, execution: Execution, isParent: boolean): StageWrite {
  const fails = verdict === 'FAILED';
  // The server's own executor knows no verdict: it fails until no attempt is left.
  const maxAttempts = fails && execution === 'builtin/noop' ? 2 : PLENTY;
  return stageWrite(id, {
    runnerType: execution,
    executionMode: execution === 'async' ? 'ASYNC' : 'SYNC',
    args:
      execution === 'builtin/noop'
        ? { delay: '50ms', ...(fails ? { fail: 'it was to fail' } : {}) }
        : { fails, isParent },
    assignments: [{ targetCheckId: checkOf(id), goalState: 'FINAL' }],
    dependencies: groupOf(dependsOn),
    executionPolicy: policy({
      maxAttempts,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      backoffInitialMs: 100,
      backoffMaxMs: 500,
    }),
  });
}

function endingsOf(nodes: readonly GraphNode[]): ReadonlyMap<string, Ending> {
  const oracle = new Oracle();
  oracle.add(nodes);
  for (;;) {
    const released = nodes.filter(({ id }) => oracle.position(id) === 'RELEASED');
    if (released.length === 0) break;
    oracle.end(new Map(released.map(({ id, verdict }) => [id, verdict])));
  }
  return new Map(nodes.map(({ id }) => [id, oracle.ending(id) ?? 'SKIPPED']));
}
