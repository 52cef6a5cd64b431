import type { Plan, World } from './reference/state.ts';

/** The versions of a plan and its nodes as they are stored. */
export type Stored = {
  readonly version: number;
  readonly nodes: readonly { readonly id: string; readonly version: number; readonly revision: number }[];
};

/**
 * Where stored versions are not what the model counted. After a request they are equal. What the server does on its own
 * account, in so many steps at most, it may group into commits as it likes: a node that changed has a later version, and a
 * revision of that time; one that did not has neither.
 */
export function versionFaults(before: Plan, model: Plan, stored: Stored, steps: number): readonly string[] {
  const isExact = steps === 0;
  const isWrong = (was: number, counted: number, now: number): boolean =>
    isExact || counted === was ? now !== counted : now <= was || now > was + 1 + steps;
  const faults: string[] = [];
  if (isWrong(before.version, model.version, stored.version)) {
    faults.push(`plan version: was ${before.version}, model ${model.version}, service ${stored.version}`);
  }
  const earlier = new Map([...before.checks, ...before.stages].map((node) => [node.id, node]));
  const counted = new Map([...model.checks, ...model.stages].map((node) => [node.id, node]));
  for (const { id, version, revision } of stored.nodes) {
    const was = earlier.get(id);
    const expected = counted.get(id);
    if (expected === undefined) continue;
    const isLate = isWrong(was?.version ?? 0, expected.version, version);
    const changed = expected.version !== was?.version;
    const isForeign =
      isExact || !changed ? revision !== expected.revision : revision <= before.version || revision > stored.version;
    if (isLate || isForeign) {
      faults.push(
        `${id}: model version ${expected.version} of ${expected.revision}, service ${version} of ${revision}`,
      );
    }
  }
  return faults;
}

/** The world with the versions as they are stored, to go on from there. */
export function withVersions(world: World, planId: string, stored: Stored): World {
  const draft = structuredClone(world);
  const plan = draft.plans.find(({ id }) => id === planId);
  if (plan === undefined) return draft;
  plan.version = stored.version;
  const byId = new Map(stored.nodes.map((node) => [node.id, node]));
  for (const node of [...plan.checks, ...plan.stages]) {
    const { version, revision } = byId.get(node.id) ?? node;
    node.version = version;
    node.revision = revision;
  }
  return draft;
}
