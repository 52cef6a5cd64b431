import { canonical } from './json.ts';
import type { Check, Plan, Stage, World } from './state.ts';

/** Section 1: revisions, versions, and that a refused request has changed nothing. */

/** Works on a copy, which takes the place of the world only if nothing is refused. */
export function atomically<T>(world: World, work: (draft: World) => T): { readonly world: World; readonly result: T } {
  const draft = structuredClone(world);
  const result = work(draft);
  for (const plan of draft.plans) {
    const before = world.plans.find(({ id }) => id === plan.id);
    if (before !== undefined) stamp(before, plan);
  }
  return { world: draft, result };
}

/** Every commit that changed something adds 1 to the revision, which all nodes that it changed carry. */
function stamp(before: Plan, plan: Plan): void {
  const known = new Map([...before.checks, ...before.stages].map((node) => [node, visible(node)]));
  const textOf = (node: Check | Stage) => {
    const list: readonly (Check | Stage)[] = 'attempts' in node ? before.stages : before.checks;
    const found = list.find(({ id }) => id === node.id);
    return found === undefined ? undefined : known.get(found);
  };
  const changed = [...plan.checks, ...plan.stages].filter((node) => textOf(node) !== visible(node));
  if (changed.length === 0 && before.state === plan.state) return;
  plan.version += 1;
  for (const node of changed) {
    node.version += 1;
    node.revision = plan.version;
  }
}

/** Heartbeats alone change nothing. */
function visible(node: Check | Stage): string {
  if (!('attempts' in node)) return canonical(node);
  const attempts = node.attempts.map((attempt) => ({
    ...attempt,
    heartbeatBy: undefined,
    handedOut: { ...attempt.handedOut, heard: undefined, confirmBy: undefined },
  }));
  return canonical({ ...node, attempts });
}
