import type { Canary } from '../canary.ts';

const DEPENDENCIES = 'tests/e2e/semantics/dependencies.test.ts';

/** What the graph resolves to, and what it takes for done. */
export const graph: readonly Canary[] = [
  {
    name: 'edge-counter-dropped',
    promise: 'P8',
    bug: 'two edges of one group that resolve in the same write are counted as one',
    plants: [
      {
        file: 'src/service/edit/group-counters.ts',
        text: 'const known = this.#counters.get(key);',
        by: "const known = owner.source.type === 'CHECK' ? undefined : this.#counters.get(key);",
      },
    ],
    caughtBy: [{ file: DEPENDENCIES }, { file: 'tests/oracle/random.test.ts' }],
  },
  {
    name: 'nested-group-counts-twice',
    promise: 'P8',
    bug: 'a nested group that has resolved counts in its parent once more with each edge that resolves later',
    plants: [
      {
        file: 'src/service/edit/group-counters.ts',
        text: 'if (before !== undefined || after === undefined) return undefined;',
        by: 'if ((before !== undefined && counter.parent < 0) || after === undefined) return undefined;',
      },
    ],
    caughtBy: [{ file: DEPENDENCIES }],
  },
  {
    name: 'condition-ignored',
    promise: 'P8',
    bug: 'an edge on SUCCEEDED is satisfied by any end of its target',
    plants: [
      {
        file: 'src/storage/sqlite/dependency-repository.ts',
        text: 'Number(satisfies(conditionCodes.decode(edge.condition), outcome))',
        by: "Number(satisfies('FINAL', outcome))",
      },
    ],
    caughtBy: [{ file: DEPENDENCIES }],
  },
  {
    name: 'late-tracking-forgets',
    promise: 'P8',
    bug: 'targets that were FINAL before the tracking of an edge starts are not counted',
    plants: [
      {
        file: 'src/service/edit/tracking.ts',
        text: 'if (outcome !== undefined) {',
        by: 'if (outcome !== undefined && target.before?.outcome === undefined) {',
      },
    ],
    caughtBy: [{ file: DEPENDENCIES }],
  },
  {
    name: 'cancelled-is-skipped',
    promise: 'P8',
    bug: 'of two stages that one write cancels, the one that waits for the other is SKIPPED',
    isReal: true,
    plants: [
      {
        file: 'src/service/write/deferred-writes.ts',
        text: `    for (const op of stages) if (op.write.cancel) await cancelStage(edit, op.draft, this.#cancelReason);
    await propagate(edit);
`,
        by: `    for (const op of stages) {
      if (op.write.cancel) await cancelStage(edit, op.draft, this.#cancelReason);
      await propagate(edit);
    }
`,
      },
    ],
    caughtBy: [{ file: 'tests/oracle/one-write.test.ts', test: 'stages that are cancelled in one write' }],
  },
  {
    name: 'cycle-through-children',
    promise: 'P7',
    bug: 'the search for cycles does not follow a stage to the children that it waits for',
    plants: [
      {
        file: 'src/service/write/cycle-guard.ts',
        text: "...storedChildren.map((id): NodeRef => ({ type: 'STAGE', id })),",
        by: "...storedChildren.slice(0, 0).map((id): NodeRef => ({ type: 'STAGE', id })),",
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/cycles.test.ts' }],
  },
  {
    name: 'plan-counter-drifts',
    promise: 'P7',
    bug: 'a node that is cancelled does not count for the outcome of its plan',
    plants: [
      {
        file: 'src/service/edit/plan-edit.ts',
        text: "if (outcome === 'CANCELLED') this.#cancelled += 1;",
        by: "if (outcome === 'CANCELLED' && node.type === 'CHECK') this.#cancelled += 1;",
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/plan-state.test.ts' }],
  },
  {
    name: 'child-born-alive',
    promise: 'P7',
    bug: 'what a cancelled stage writes while it is being stopped runs on',
    plants: [
      {
        file: 'src/service/write/stage-states.ts',
        text: 'if (write.cancel || edit.isCancelled || parent?.current.cancelledAt !== undefined) {',
        by: 'if (write.cancel || edit.isCancelled) {',
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/cancellation.test.ts', test: 'children that it writes later' }],
  },
];
