import type { WriteNodesRequest } from '../../../src/service/requests.ts';
import { ends, type NodeWrites, newNodes, wakes } from '../../oracle/node-writes.ts';
import type { GraphNode } from '../../oracle/oracle.ts';
import { randomGraph } from '../../oracle/random-graph.ts';
import { type Move, RandomPlay } from '../../oracle/random-play.ts';
import { attemptWrite, checkWrite, stageWrite } from '../../support/writes.ts';
import type { Dice } from '../dice.ts';

/** One request of a client; all of them repeat without a second effect, writes by their request_id. */
export type Step =
  | { readonly type: 'WRITE'; readonly write: Omit<WriteNodesRequest, 'workPlanId' | 'requestId'> }
  | { readonly type: 'CANCEL_STAGE'; readonly stageId: string }
  | { readonly type: 'CANCEL_PLAN' };

/**
 * What a client does to its plan, one request after the other: it writes a random graph, feeds and ends its nodes, sends
 * what is refused now and then, and may cancel a stage or the plan before the end.
 */
export function clientScript(dice: Dice): readonly Step[] {
  const graph = randomGraph(dice.fork(), 'n');
  const nodes = new Map(graph.writes.flat().map((node) => [node.id, node]));
  const play = new RandomPlay(dice.fork(), graph);
  const steps: Step[] = [];
  const stopsAt = dice.chance(0.3) ? 1 + dice.below(12) : Number.POSITIVE_INFINITY;
  for (let move = play.next(); move !== undefined && steps.length < stopsAt; move = play.next()) {
    steps.push(write(writesOf(move, nodes, graph.asleep)));
    if (dice.chance(0.4)) steps.push(talk(dice, play, nodes));
    if (dice.chance(0.15)) steps.push(refused(dice));
  }
  return stopsAt < Number.POSITIVE_INFINITY ? [...steps, ...cancellations(dice, [...nodes.values()], play)] : steps;
}

function writesOf(move: Move, nodes: ReadonlyMap<string, GraphNode>, asleep: ReadonlySet<string>): NodeWrites {
  switch (move.type) {
    case 'ADD':
      return newNodes(move.nodes, asleep);
    case 'WAKE':
      return wakes(move.ids);
    case 'END':
      return ends(nodes, move.endings);
  }
}

function write(nodes: Partial<NodeWrites>, change: Partial<WriteNodesRequest> = {}): Step {
  return {
    type: 'WRITE',
    write: {
      checks: [],
      stages: [],
      reason: '',
      attempt: undefined,
      expectedPlanVersion: undefined,
      responseView: 'FULL',
      ...nodes,
      ...change,
    },
  };
}

/** Something that shows when it takes effect twice: progress of an attempt, a result, a version. */
function talk(dice: Dice, play: RandomPlay, nodes: ReadonlyMap<string, GraphNode>): Step {
  const released = [...play.oracle.positions].filter(([, position]) => position === 'RELEASED');
  const node = released.length === 0 ? undefined : nodes.get(dice.pick(released)[0]);
  const message = `said ${dice.below(1000)}`;
  if (node === undefined) return write({ checks: [checkWrite(`other ${dice.below(3)}`, { options: { message } })] });
  const { id, kind } = node;
  if (kind === 'CHECK') {
    const result = { ownerType: 'test', ownerId: message, data: { message }, finalize: false, failure: undefined };
    return write({ checks: [checkWrite(id, { result })] });
  }
  const progress = { message, timestamp: undefined, details: undefined, percent: undefined, idempotencyKey: '' };
  return write({ stages: [stageWrite(id, { currentAttempt: attemptWrite({ details: { message }, progress }) })] });
}

/** A write of which only a part could be stored, and a write that comes too late. */
function refused(dice: Dice): Step {
  const late = checkWrite('late', { expectedVersion: 99 });
  const lost = checkWrite('lost', { state: 'WAITING', expectedVersion: 0 });
  return dice.chance(0.5) ? write({ checks: [lost, late] }) : write({ checks: [lost] }, { expectedPlanVersion: 1 });
}

function cancellations(dice: Dice, nodes: readonly GraphNode[], { oracle }: RandomPlay): readonly Step[] {
  const stages = nodes.filter(({ id, kind }) => kind === 'STAGE' && oracle.position(id) !== undefined);
  const stage: readonly Step[] =
    stages.length > 0 && dice.chance(0.7) ? [{ type: 'CANCEL_STAGE', stageId: dice.pick(stages).id }] : [];
  const born = write({ checks: [checkWrite('born late')], stages: [stageWrite('born later')] });
  return dice.chance(0.7) ? [...stage, { type: 'CANCEL_PLAN' }, born] : [...stage, born];
}
