import { expect, test } from 'vitest';
import type { GroupView } from '../../src/domain/dependency/group.ts';
import { Dice, seedFrom } from '../fault/dice.ts';
import { effort } from '../support/effort.ts';
import { type ServiceRig, serviceRig } from '../support/service-rig.ts';
import { GraphPlayer } from './graph-player.ts';
import { arrowStanding, type Ending, type GraphNode, type Oracle, type Position, type Standing } from './oracle.ts';
import { type RandomGraph, randomGraph } from './random-graph.ts';
import { type Move, RandomPlay } from './random-play.ts';

const GRAPHS = effort(1_000, 100_000);
/** Graphs that share a plan, as parts of it that know nothing of each other. */
const TOGETHER = 10;
/** Graphs after which a database begins anew, so that memory does not grow. */
const FRESH_AFTER = 1_000;

test(`${GRAPHS} random graphs stand as section 5 says after every write, and come to the same in another order`, {
  timeout: effort(120_000, 14_400_000),
}, async () => {
  const dice = new Dice(seedFrom('ORACLE_SEED'));
  const tally = { nodes: 0, writes: 0, skipped: 0 };
  for (let played = 0; played < GRAPHS; played += FRESH_AFTER) {
    const rig = await serviceRig({ idle: true });
    for (let at = played; at < Math.min(GRAPHS, played + FRESH_AFTER); at += TOGETHER) {
      const graphs = Array.from({ length: TOGETHER }, (_, part) => randomGraph(dice.fork(), `${at + part}`));
      const first = await playAll(rig, graphs, dice.fork(), 'EVERY_WRITE');
      const second = await playAll(rig, graphs, dice.fork(), 'THE_END');
      expect(second.ends, 'the same graphs in another order').toEqual(first.ends);
      tally.nodes += first.ends.size;
      tally.writes += first.writes + second.writes;
      tally.skipped += [...first.ends.values()].filter((end) => end === 'SKIPPED').length;
    }
    await rig.service.stop();
    await rig.storage.close();
  }
  console.log(
    `${GRAPHS} graphs in 2 orders each, ${tally.nodes} nodes, of which ${tally.skipped} were skipped, in ${tally.writes} writes`,
  );
  // Graphs in which everything, or nothing, is skipped show little.
  expect(tally.skipped / tally.nodes).toBeGreaterThan(0.1);
  expect(tally.skipped / tally.nodes).toBeLessThan(0.6);
});

/** Plays the graphs in one plan until all of their nodes are FINAL; answers how each ended. */
async function playAll(
  rig: ServiceRig,
  graphs: readonly RandomGraph[],
  dice: Dice,
  compare: 'EVERY_WRITE' | 'THE_END',
) {
  const player = await GraphPlayer.start(rig);
  const plays = graphs.map((graph) => new RandomPlay(dice.fork(), graph));
  const asleep = new Set(graphs.flatMap((graph) => [...graph.asleep]));
  const expected = () => new Map(plays.flatMap(({ oracle }) => [...oracle.positions]));
  let writes = 0;
  for (;;) {
    const moves = plays.map((play) => play.next()).filter((move) => move !== undefined);
    if (moves.length === 0) break;
    writes += await makeMoves(player, moves, asleep);
    if (compare === 'EVERY_WRITE') expectSame(await player.positions(), expected(), graphs);
  }
  const ends = await player.positions();
  expectSame(ends, expected(), graphs);
  expect(await player.plan()).toMatchObject({ state: 'COMPLETE', outcome: outcomeOf([...ends.values()]) });
  await expectResolved(
    player,
    graphs,
    plays.map(({ oracle }) => oracle),
  );
  return { ends, writes };
}

/** All moves of one kind in one write. */
async function makeMoves(player: GraphPlayer, moves: readonly Move[], asleep: ReadonlySet<string>): Promise<number> {
  const nodes = moves.flatMap((move) => (move.type === 'ADD' ? move.nodes : []));
  const ids = moves.flatMap((move) => (move.type === 'WAKE' ? move.ids : []));
  const endings = new Map(moves.flatMap((move) => (move.type === 'END' ? [...move.endings] : [])));
  if (nodes.length > 0) await player.add(nodes, asleep);
  if (ids.length > 0) await player.wake(ids);
  if (endings.size > 0) await player.end(endings);
  return Number(nodes.length > 0) + Number(ids.length > 0) + Number(endings.size > 0);
}

function expectSame(
  actual: ReadonlyMap<string, Position>,
  expected: ReadonlyMap<string, Position>,
  graphs: readonly RandomGraph[],
): void {
  const wrong = [...expected].find(([id, position]) => actual.get(id) !== position);
  if (wrong === undefined && actual.size === expected.size) return;
  const [id, position] = wrong ?? ['?', `${expected.size} nodes`];
  const graph = graphs.find(({ writes }) => writes.flat().some((node) => node.id === id));
  const early = graph === undefined ? [] : [...graph.early];
  expect.fail(
    `${id} is ${actual.get(id)}, ought to be ${position}; early: ${early}; in\n${JSON.stringify(graph?.writes)}`,
  );
}

/** SKIPPED does not count for a plan. */
function outcomeOf(ends: readonly Position[]): Ending {
  if (ends.includes('FAILED')) return 'FAILED';
  return ends.includes('CANCELLED') ? 'CANCELLED' : 'SUCCEEDED';
}

/** Every edge of a node that was ever waiting is shown as its target's outcome resolved it. */
async function expectResolved(player: GraphPlayer, graphs: readonly RandomGraph[], oracles: readonly Oracle[]) {
  const { checks, stages } = await player.views();
  const shown = new Map([...checks, ...stages].map(({ id, dependencies }) => [id, dependencies]));
  for (const [at, { writes, asleep, early }] of graphs.entries()) {
    for (const node of writes.flat()) {
      if (early.has(node.id) && asleep.has(node.id)) continue;
      expect(edgesOf(shown.get(node.id)), `edges of ${node.id}`).toEqual(resolvedEdges(node, oracles[at]));
    }
  }
}

function edgesOf(view: GroupView | undefined): readonly string[] {
  const edges: string[] = [];
  const open = view === undefined ? [] : [view];
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    for (const { targetType, targetId, condition, resolution } of group.dependencies) {
      edges.push(`${targetType} ${targetId} ${condition} ${resolution}`);
    }
    open.push(...group.groups);
  }
  return edges.sort();
}

const resolutionOf: Readonly<Record<Standing, string>> = {
  SATISFIED: 'SATISFIED',
  UNSATISFIABLE: 'UNSATISFIED',
  OPEN: 'undefined',
};

function resolvedEdges({ dependsOn }: GraphNode, oracle: Oracle | undefined): readonly string[] {
  const edges: string[] = [];
  const open = dependsOn === undefined ? [] : [dependsOn];
  for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
    const own = tree.arrows.map((arrow) => {
      const resolution = resolutionOf[arrowStanding(arrow, oracle?.ending(arrow.target))];
      return `${arrow.kind} ${arrow.target} ${arrow.condition} ${resolution}`;
    });
    edges.push(...new Set(own));
    open.push(...tree.trees);
  }
  return edges.sort();
}
