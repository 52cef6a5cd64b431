import type { CheckState } from '../../src/domain/check.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { StageState } from '../../src/domain/stage.ts';
import { anyCall, type ServiceRig } from '../support/service-rig.ts';
import { allNodes } from './all-nodes.ts';
import { ends, type NodeWrites, newNodes, wakes } from './node-writes.ts';
import type { Ending, GraphNode, Position } from './oracle.ts';

const NODES_PER_WRITE = 5000;

/** Has the service do to a plan what an oracle is told as well, and says where the plan's nodes stand. */
export class GraphPlayer {
  readonly #rig: ServiceRig;
  readonly #nodes = new Map<string, GraphNode>();
  readonly planId: string;

  private constructor(rig: ServiceRig, planId: string) {
    this.#rig = rig;
    this.planId = planId;
  }

  static async start(rig: ServiceRig): Promise<GraphPlayer> {
    return new GraphPlayer(rig, await rig.createPlan());
  }

  /** Writes new nodes, those `asleep` as checks in PLANNING. Targets that are not there yet are in the same call. */
  async add(nodes: readonly GraphNode[], asleep: ReadonlySet<string> = new Set()): Promise<void> {
    for (const node of nodes) this.#nodes.set(node.id, node);
    for (const some of chunks(nodes)) await this.#write(newNodes(some, asleep));
  }

  async wake(ids: readonly string[]): Promise<void> {
    for (const some of chunks(ids)) await this.#write(wakes(some));
  }

  /** Ends nodes in one write, or in as few as they fit into. */
  async end(endings: ReadonlyMap<string, Ending>): Promise<void> {
    for (const some of chunks([...endings])) await this.#write(ends(this.#nodes, new Map(some)));
  }

  /** Where every node stands, as clients read it. */
  async positions(): Promise<Map<string, Position>> {
    const positions = new Map<string, Position>();
    const { checks, stages } = await allNodes(this.#rig, this.planId, 'BASIC');
    for (const { id, state, outcome } of checks) positions.set(id, positionOf(state, outcome));
    for (const { id, state, outcome } of stages) positions.set(id, positionOf(state, outcome));
    return positions;
  }

  /** Every node as clients read it in full. */
  views() {
    return allNodes(this.#rig, this.planId, 'FULL');
  }

  plan() {
    return this.#rig.service.orchestrator.getWorkPlan(anyCall, { id: this.planId });
  }

  async #write(nodes: NodeWrites): Promise<void> {
    await this.#rig.write(this.planId, nodes);
  }
}

function chunks<T>(list: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let at = 0; at < list.length; at += NODES_PER_WRITE) parts.push(list.slice(at, at + NODES_PER_WRITE));
  return parts;
}

function positionOf(state: CheckState | StageState, outcome: Outcome | undefined): Position {
  switch (state) {
    case 'PLANNING':
    case 'PLANNED':
      return 'PLANNED';
    case 'WAITING':
    case 'ATTEMPTING':
      return 'RELEASED';
    case 'AWAITING_GROUP':
      return 'ENDING';
    case 'FINAL':
      if (outcome === undefined) throw new Error('FINAL without an outcome');
      return outcome;
  }
}
