import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from './evaluate.ts';
import { flatten, sameGroups } from './flatten.ts';
import { type DependencyGroup, dependencyKey, type Resolution } from './group.ts';
import { type GroupTally, resolve, withMember } from './tally.ts';
import { viewOf } from './view.ts';

const edge = (targetId: string, condition: 'FINAL' | 'SUCCEEDED' | 'FAILED' = 'FINAL') =>
  ({ targetType: 'CHECK', targetId, condition }) as const;

function group(init: Partial<DependencyGroup>): DependencyGroup {
  return { predicate: 'AND', threshold: 0, dependencies: [], groups: [], ...init };
}

function flat(root: DependencyGroup) {
  const flattened = flatten(root);
  if (!('flat' in flattened)) throw new Error(JSON.stringify(flattened.fault));
  return flattened.flat;
}

/** The definition in semantics section 5, by recursion over the written tree. */
function bruteForce(root: DependencyGroup, known: ReadonlyMap<string, Resolution>): Resolution | undefined {
  const edges = [...new Map(root.dependencies.map((dependency) => [dependencyKey(dependency), dependency])).keys()];
  const members = [...edges.map((key) => known.get(key)), ...root.groups.map((nested) => bruteForce(nested, known))];
  const n = members.length;
  const s = members.filter((member) => member === 'SATISFIED').length;
  const u = members.filter((member) => member === 'UNSATISFIED').length;
  const k = root.predicate === 'AND' ? n : root.predicate === 'OR' ? Math.min(1, n) : root.threshold;
  if (s >= k) return 'SATISFIED';
  return n - u < k ? 'UNSATISFIED' : undefined;
}

function treesOf(depth: number): fc.Arbitrary<DependencyGroup> {
  return fc
    .record({
      predicate: fc.constantFrom('AND', 'OR', 'THRESHOLD'),
      dependencies: fc.array(
        fc.constantFrom('a', 'b', 'c', 'd').map((id) => edge(id)),
        { minLength: 1, maxLength: 4 },
      ),
      groups: depth === 0 ? fc.constant([]) : fc.array(treesOf(depth - 1), { maxLength: 2 }),
      k: fc.nat(100),
    })
    .map(({ predicate, dependencies, groups, k }) => {
      const members = new Set(dependencies.map(dependencyKey)).size + groups.length;
      return { predicate, dependencies, groups, threshold: predicate === 'THRESHOLD' ? 1 + (k % members) : 0 };
    });
}

const trees = treesOf(3);

describe('resolution', () => {
  it('equals the definition for every tree, every knowledge and every order', () => {
    const targets = ['a', 'b', 'c', 'd'].map((id) => dependencyKey(edge(id)));
    const orders = fc.shuffledSubarray(targets);
    const ends = fc.array(fc.constantFrom<Resolution>('SATISFIED', 'UNSATISFIED'), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(trees, orders, ends, (tree, order, resolutions) => {
        const rows = flat(tree);
        const known = new Map<string, Resolution>();
        const counters = rows.groups.map((row) => ({ parent: row.parent, tally: row.tally }));
        let counted: Resolution | undefined = rows.groups[0] && resolve(rows.groups[0].tally);
        order.forEach((target, at) => {
          const resolution = resolutions[at] ?? 'SATISFIED';
          known.set(target, resolution);
          for (const row of rows.edges.filter((candidate) => dependencyKey(candidate) === target)) {
            counted = countUp(counters, row.group, resolution) ?? counted;
          }
          const expected = bruteForce(tree, known);
          expect(counted).toBe(expected);
          expect(evaluate(rows, (row) => known.get(dependencyKey(row))).resolution).toBe(expected);
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('is satisfied without members', () => {
    expect(evaluate(flat(group({})), () => undefined).resolution).toBe('SATISFIED');
    expect(evaluate(flat(group({ predicate: 'OR' })), () => undefined).resolution).toBe('SATISFIED');
  });
});

/** Counts an edge into its group and resolved groups into theirs, as storage does row by row. */
function countUp(
  counters: { readonly parent: number; tally: GroupTally }[],
  index: number,
  resolution: Resolution,
): Resolution | undefined {
  const counter = counters[index];
  if (counter === undefined) throw new Error(`no group ${index}`);
  const before = resolve(counter.tally);
  counter.tally = withMember(counter.tally, resolution);
  const after = resolve(counter.tally);
  if (before !== undefined || after === undefined) return undefined;
  return counter.parent < 0 ? after : countUp(counters, counter.parent, after);
}

describe('flatten', () => {
  it('merges equal edges before the threshold is judged', () => {
    const twice = group({ predicate: 'THRESHOLD', threshold: 2, dependencies: [edge('a'), edge('a')] });
    expect(flatten(twice)).toEqual({ fault: { path: ['threshold'], fault: 'THRESHOLD_OUT_OF_RANGE', members: 1 } });
    expect(flat(group({ dependencies: [edge('a'), edge('a'), edge('a', 'FAILED')] })).edges).toHaveLength(2);
  });

  it.each([0, -1, 3])('refuses threshold %d of 2 members, naming the path', (threshold) => {
    const nested = group({ predicate: 'THRESHOLD', threshold, dependencies: [edge('a'), edge('b')] });
    expect(flatten(group({ dependencies: [edge('c')], groups: [nested] }))).toEqual({
      fault: { path: ['groups', 0, 'threshold'], fault: 'THRESHOLD_OUT_OF_RANGE', members: 2 },
    });
  });

  it('refuses an empty nested group, but not an empty root', () => {
    expect(flatten(group({ groups: [group({})] }))).toMatchObject({ fault: { fault: 'EMPTY_NESTED_GROUP' } });
    expect(flat(group({})).groups).toHaveLength(1);
  });

  it('is undone by viewOf', () => {
    fc.assert(fc.property(trees, (tree) => sameGroups(viewOf(flat(tree)), tree)));
  });
});

describe('sameGroups', () => {
  it('ignores the order of members and repeated edges', () => {
    const one = group({ dependencies: [edge('a'), edge('b'), edge('a')] });
    expect(sameGroups(one, group({ dependencies: [edge('b'), edge('a')] }))).toBe(true);
    expect(sameGroups(one, group({ predicate: 'OR', dependencies: [edge('b'), edge('a')] }))).toBe(false);
    expect(sameGroups(undefined, group({}))).toBe(true);
  });
});
