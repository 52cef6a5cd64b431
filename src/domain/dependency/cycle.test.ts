import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findCycle } from './cycle.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

const search = (graph: Graph, starts: Iterable<string> = graph.keys()) =>
  findCycle(starts, (key) => Promise.resolve(graph.get(key) ?? []));

it('names the cycle as a path that ends where it began', async () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', []],
    ['d', ['b']],
  ]);
  expect(await search(graph)).toEqual(['b', 'd', 'b']);
  expect(await search(new Map([['a', ['a']]]))).toEqual(['a', 'a']);
});

it('finds a cycle exactly if a topological order does not exist', async () => {
  const nodes = ['0', '1', '2', '3', '4'];
  const graphs = fc
    .array(fc.tuple(fc.constantFrom(...nodes), fc.constantFrom(...nodes)), { maxLength: 8 })
    .map(
      (edges): Graph =>
        new Map(nodes.map((node) => [node, edges.filter(([from]) => from === node).map(([, to]) => to)])),
    );
  await fc.assert(
    fc.asyncProperty(graphs, async (graph) => {
      const cycle = await search(graph);
      expect(cycle === undefined).toBe(isAcyclic(graph));
      cycle?.slice(1).forEach((node, at) => {
        expect(graph.get(cycle[at] ?? '')).toContain(node);
      });
    }),
    { numRuns: 2000 },
  );
});

/** Kahn's algorithm: takes away nodes that wait for nothing until none is left, or none can be taken. */
function isAcyclic(graph: Graph): boolean {
  const left = new Map(graph);
  for (;;) {
    const free = [...left].filter(([, targets]) => !targets.some((target) => left.has(target))).map(([node]) => node);
    if (free.length === 0) return left.size === 0;
    for (const node of free) left.delete(node);
  }
}

it('walks a path of 200,000 nodes, each expanded once', async () => {
  let expanded = 0;
  const cycle = await findCycle(['0'], (key) => {
    expanded += 1;
    const next = Number(key) + 1;
    return Promise.resolve(next < 200_000 ? [String(next)] : []);
  });
  expect(cycle).toBeUndefined();
  expect(expanded).toBe(200_000);
});
