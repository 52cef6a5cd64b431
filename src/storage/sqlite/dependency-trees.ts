import { sql } from 'kysely';
import type { FlatDependencies, FlatEdge } from '../../domain/dependency/flatten.ts';
import type { GroupTally } from '../../domain/dependency/tally.ts';
import type { GroupOwner } from '../dependency-repository.ts';
import {
  edgeKeyColumns,
  type GroupKey,
  groupColumns,
  type OwnerKey,
  ownerColumns,
  toEdgeKey,
  toGroupKey,
  toGroupRow,
  toOwnerKey,
} from './dependency-row.ts';
import type { Arg, Statements } from './statements.ts';

type EdgeKey = OwnerKey & ReturnType<typeof toEdgeKey>;

/** Writes of whole group trees: `at` is the time of the resolutions that a tree brings along. */
export type DependencyTrees = {
  put(owner: GroupOwner, flat: FlatDependencies, tracked: boolean, at: number): void;
  remove(owner: GroupOwner): void;
  startTracking(owner: GroupOwner, flat: FlatDependencies, at: number): void;
  updateTally(owner: GroupOwner, index: number, tally: GroupTally): void;
};

export function dependencyTrees(statements: Statements): DependencyTrees {
  const insertGroup = statements.insert(
    'dependency_groups',
    [...ownerColumns, ...groupColumns],
    'on conflict do nothing',
  );
  const insertEdge = statements.insert('dependencies', [...ownerColumns, ...edgeKeyColumns, 'tracked']);
  const removeGroups = statements.prepare((db, arg: Arg<OwnerKey>) =>
    db
      .deleteFrom('dependency_groups')
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .compile(),
  );
  const removeEdges = statements.prepare((db, arg: Arg<OwnerKey>) =>
    db
      .deleteFrom('dependencies')
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .compile(),
  );
  const trackEdges = statements.prepare((db, arg: Arg<OwnerKey>) =>
    db
      .updateTable('dependencies')
      .set({ tracked: sql.lit(1) })
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .compile(),
  );
  const resolveEdge = statements.prepare((db, arg: Arg<EdgeKey & { satisfied: number; at: number }>) =>
    db
      .updateTable('dependencies')
      .set({ resolved: sql.lit(1), satisfied: arg('satisfied'), resolved_at: arg('at') })
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .where('group_index', '=', arg('group_index'))
      .where('target_type', '=', arg('target_type'))
      .where('target_id', '=', arg('target_id'))
      .where('condition', '=', arg('condition'))
      .compile(),
  );
  const updateTally = statements.prepare((db, arg: Arg<GroupKey & GroupTally>) =>
    db
      .updateTable('dependency_groups')
      .set({
        need: arg('need'),
        members: arg('members'),
        satisfied: arg('satisfied'),
        unsatisfied: arg('unsatisfied'),
      })
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .where('group_index', '=', arg('group_index'))
      .compile(),
  );

  const remove = (key: OwnerKey): void => {
    removeGroups.run(key);
    removeEdges.run(key);
  };
  const resolveEdges = (key: OwnerKey, edges: readonly FlatEdge[], at: number): void => {
    for (const edge of edges) {
      if (edge.resolution === undefined) continue;
      resolveEdge.runOnOne({ ...key, ...toEdgeKey(edge), satisfied: Number(edge.resolution === 'SATISFIED'), at });
    }
  };
  return {
    put(owner, flat, tracked, at) {
      const key = toOwnerKey(owner);
      const [root, ...nested] = flat.groups.map((group) => ({ ...key, ...toGroupRow(group) }));
      if (root === undefined) return remove(key);
      // Nearly every tree is the node's first: only a root that is in the way tells that there was another.
      if (insertGroup.run(root) === 0) {
        remove(key);
        insertGroup.run(root);
      }
      for (const group of nested) insertGroup.run(group);
      for (const edge of flat.edges) insertEdge.run({ ...key, ...toEdgeKey(edge), tracked: Number(tracked) });
      resolveEdges(key, flat.edges, at);
    },
    remove(owner) {
      remove(toOwnerKey(owner));
    },
    startTracking(owner, flat, at) {
      const key = toOwnerKey(owner);
      trackEdges.run(key);
      resolveEdges(key, flat.edges, at);
      for (const { index, tally } of flat.groups) updateTally.runOnOne({ ...toGroupKey(owner, index), ...tally });
    },
    updateTally(owner, index, tally) {
      updateTally.runOnOne({ ...toGroupKey(owner, index), ...tally });
    },
  };
}
