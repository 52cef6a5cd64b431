import { expect, test } from 'vitest';
import { effort, isNight } from '../support/effort.ts';
import { serviceRig } from '../support/service-rig.ts';
import { GraphPlayer } from './graph-player.ts';
import { type GraphNode, Oracle, type Verdict } from './oracle.ts';
import {
  allPaths,
  everyForm,
  everyNeed,
  type Menu,
  nextNodes,
  type Path,
  type WeakOrder,
  weakOrders,
} from './small-graphs.ts';

/*
 * What is enumerated. A node's fate depends on its ancestors alone, so a graph is a path of nodes in topological order
 * and a last node that is looked at; graphs with the same path share it in one plan, and each path has every last node
 * there is. A graph with several last nodes is several graphs here.
 *
 * - Shapes: each node waits for any subset of the nodes before it: every directed acyclic graph, several times over (once
 *   for each topological order of its nodes).
 * - Orders: every order in which the nodes of the path can end, with every way of letting some of them end in one write;
 *   orders that come to the same history of a path (its dependencies may leave no choice) are played once.
 * - Arrivals: the last node is there from the beginning, or comes after the first, second … step, up to where all of its
 *   targets are FINAL. A check that comes late is written in the beginning, as PLANNING.
 * - Up to 3 nodes: every role (check and stage, each with every outcome that it can be given; SKIPPED comes by itself),
 *   every condition, and for the last node, a check and a stage, every predicate and threshold; on the path and for late
 *   last nodes one predicate for each number of members that a group can need.
 * - 4 nodes, the last of which waits for the third (else the graph is one of fewer nodes): predicates by need again. By day a path of succeeding checks and failing stages, conditions SUCCEEDED and
 *   FINAL, so that every edge can be satisfied, unsatisfied and skipped, and last nodes that are there from the beginning;
 *   at night every verdict, condition and arrival.
 *
 * After every step every node is compared with the oracle.
 */

const SUCCEEDS = { kind: 'CHECK', verdict: 'SUCCEEDED' } as const;
const FAILS = { kind: 'STAGE', verdict: 'FAILED' } as const;
const CANCELLED = { kind: 'STAGE', verdict: 'CANCELLED' } as const;
const everyRole = [
  SUCCEEDS,
  FAILS,
  CANCELLED,
  { ...SUCCEEDS, verdict: 'FAILED' },
  { ...FAILS, verdict: 'SUCCEEDED' },
] as const;
const bothKinds = [SUCCEEDS, FAILS] as const;
const everyCondition = ['FINAL', 'SUCCEEDED', 'FAILED'] as const;

type Family = {
  readonly name: string;
  readonly pathLength: number;
  readonly path: Menu;
  readonly last: Menu;
  /** After how many steps the last node comes; each is played. */
  readonly arrivals: readonly number[];
};

const small = { roles: everyRole, conditions: everyCondition, forms: everyNeed };
const families: readonly Family[] = [
  {
    name: 'up to 3 nodes',
    pathLength: 2,
    path: small,
    last: { roles: bothKinds, conditions: everyCondition, forms: everyForm },
    arrivals: [0],
  },
  {
    name: 'up to 3 nodes, the last one late',
    pathLength: 2,
    path: small,
    last: { roles: bothKinds, conditions: everyCondition, forms: everyNeed },
    arrivals: [1, 2],
  },
  isNight
    ? {
        name: '4 nodes',
        pathLength: 3,
        path: { roles: [SUCCEEDS, FAILS, CANCELLED], conditions: everyCondition, forms: everyNeed },
        last: { roles: bothKinds, conditions: everyCondition, forms: everyNeed },
        arrivals: [0, 1, 2, 3],
      }
    : {
        name: '4 nodes',
        pathLength: 3,
        path: { roles: bothKinds, conditions: ['SUCCEEDED', 'FINAL'], forms: everyNeed },
        last: { roles: [FAILS], conditions: ['SUCCEEDED', 'FINAL'], forms: everyNeed },
        arrivals: [0],
      },
];

const NODES_IN_A_PLAN = 15_000;

test.for(families)(
  '$name: nodes stand as section 5 says, after every step',
  { timeout: effort(120_000, 7_200_000) },
  async (family) => {
    const { name, pathLength, path, last, arrivals } = family;
    const paths = allPaths(pathLength, path);
    const known = new Set<string>();
    let graphs = 0;
    let steps = 0;
    for (const order of weakOrders(pathLength)) {
      const fresh = paths.filter((one) => isNew(known, historyOf(one, order)));
      for (const some of slices(fresh, last)) {
        for (const arrival of arrivals) {
          const played = await play(some, order, last, arrival);
          graphs += played.graphs;
          steps += played.steps;
        }
      }
    }
    console.log(
      `${name}: ${paths.length} paths, ${known.size} histories of them, ${graphs} graphs played, ${steps} steps compared`,
    );
    // No menu has become empty by mistake.
    expect(graphs).toBeGreaterThanOrEqual(15_000);
  },
);

/** Paths with all of their last nodes, as many as a plan is to hold. */
function slices(paths: readonly Path[], last: Menu): readonly (readonly Path[])[] {
  const perPath = nextNodes(paths[0] ?? [], last, '', isFour(paths)).length;
  const size = Math.ceil(NODES_IN_A_PLAN / perPath);
  return Array.from({ length: Math.ceil(paths.length / size) }, (_, at) => paths.slice(at * size, (at + 1) * size));
}

/** What does not wait for the last node of a long path is a graph of fewer nodes. */
function isFour([path]: readonly Path[]): boolean {
  return path?.length === 3;
}

function isNew(known: Set<string>, history: string): boolean {
  const size = known.size;
  return known.add(history).size > size;
}

/** Which nodes of a path end in which steps, by the oracle. */
function historyOf(path: Path, order: WeakOrder): string {
  const oracle = new Oracle();
  oracle.add(path);
  const steps: string[] = [];
  for (let next = nextEnds([path], order, oracle); next.size > 0; next = nextEnds([path], order, oracle)) {
    oracle.end(next);
    steps.push([...next.keys()].join());
  }
  return `${path.at(-1)?.id}: ${steps.join('; ')}`;
}

/** What is to end now: the nodes that may, in the first class of places that has some. */
function nextEnds(paths: readonly Path[], order: WeakOrder, oracle: Oracle): ReadonlyMap<string, Verdict> {
  const ends = new Map<string, Verdict>();
  for (const places of order) {
    for (const path of paths) {
      for (const place of places) {
        const node = path[place];
        if (node !== undefined && oracle.position(node.id) === 'RELEASED') ends.set(node.id, node.verdict);
      }
    }
    if (ends.size > 0) break;
  }
  return ends;
}

/** Plays a plan of these paths with all of their last nodes from beginning to end. */
async function play(paths: readonly Path[], order: WeakOrder, last: Menu, arrival: number) {
  const rig = await serviceRig({ idle: true });
  const player = await GraphPlayer.start(rig);
  const oracle = new Oracle();
  const lastNodes = paths.flatMap((path) => nextNodes(path, last, `last-${path.at(-1)?.id}`, isFour(paths)));
  const arrive = async (nodes: readonly GraphNode[], asleep: ReadonlySet<string> = new Set()): Promise<void> => {
    await player.add(nodes, asleep);
    oracle.add(nodes, asleep);
  };
  let step = 0;
  const compare = async (): Promise<void> => {
    const actual = await player.positions();
    const wrong = [...oracle.positions].filter(([id, position]) => actual.get(id) !== position);
    if (wrong.length > 0) expect.fail(describe(wrong, actual, [...paths.flat(), ...lastNodes], order, step));
  };
  const sleepers = new Set(arrival === 0 ? [] : lastNodes.filter(({ kind }) => kind === 'CHECK').map(({ id }) => id));

  await arrive([...new Set(paths.flat())]);
  if (arrival === 0) await arrive(lastNodes);
  else
    await arrive(
      lastNodes.filter(({ id }) => sleepers.has(id)),
      sleepers,
    );
  for (;;) {
    await compare();
    const ends = nextEnds(paths, order, oracle);
    if (ends.size === 0 && step >= arrival) break;
    step += 1;
    await player.end(ends);
    oracle.end(ends);
    if (step !== arrival) continue;
    await player.wake([...sleepers]);
    oracle.wake([...sleepers]);
    await arrive(lastNodes.filter(({ id }) => !sleepers.has(id)));
  }
  await rig.service.stop();
  await rig.storage.close();
  return { graphs: lastNodes.length, steps: step };
}

function describe(
  wrong: readonly (readonly [string, string])[],
  actual: ReadonlyMap<string, string>,
  nodes: readonly GraphNode[],
  order: WeakOrder,
  step: number,
): string {
  const shown = wrong.slice(0, 3).map(([id, position]) => {
    const node = nodes.find((one) => one.id === id);
    return `${JSON.stringify(node)}\n  is ${actual.get(id)}, ought to be ${position}`;
  });
  return `${wrong.length} nodes, order ${JSON.stringify(order)}, after step ${step}:\n${shown.join('\n')}`;
}
