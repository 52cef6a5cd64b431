/**
 * Finds a cycle in a graph that is reached edge by edge: depth-first search with three colours (Cormen et al.,
 * "Introduction to Algorithms", section 20.3), on an explicit stack, each node expanded once.
 *
 * `successorsOf` names the nodes that a node waits for. Returns the cycle as a path that ends where it began, or
 * undefined. Nodes are compared by their keys.
 */
export async function findCycle(
  starts: Iterable<string>,
  successorsOf: (key: string) => Promise<readonly string[]>,
): Promise<readonly string[] | undefined> {
  const done = new Set<string>();
  for (const start of starts) {
    if (done.has(start)) continue;
    const onPath = new Set<string>([start]);
    const path = [{ key: start, successors: await successorsOf(start), next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const successor = top.successors[top.next++];
      if (successor === undefined) {
        path.pop();
        onPath.delete(top.key);
        done.add(top.key);
      } else if (onPath.has(successor)) {
        const keys = path.map((step) => step.key);
        return [...keys.slice(keys.indexOf(successor)), successor];
      } else if (!done.has(successor)) {
        onPath.add(successor);
        path.push({ key: successor, successors: await successorsOf(successor), next: 0 });
      }
    }
  }
  return undefined;
}
