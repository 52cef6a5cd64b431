import { sql } from 'kysely';
import { satisfies } from '../../domain/outcome.ts';
import type { Clock } from '../../domain/ports.ts';
import type { DependencyReader, DependencyRepository } from '../dependency-repository.ts';
import { conditionCodes, nodeTypeCodes, purposeCodes } from './codes.ts';
import {
  edgeColumns,
  fromEdgeRow,
  fromGroupRow,
  type GroupKey,
  groupColumns,
  type OwnerKey,
  toGroupKey,
  toOwnerKey,
  toResolution,
} from './dependency-row.ts';
import { dependencyTrees } from './dependency-trees.ts';
import type { Arg, Statements } from './statements.ts';

export function dependencyReader(statements: Statements): DependencyReader {
  const groups = statements.prepare((db, arg: Arg<OwnerKey>) =>
    db
      .selectFrom('dependency_groups')
      .select(groupColumns)
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .orderBy('group_index')
      .compile(),
  );
  const edges = statements.prepare((db, arg: Arg<OwnerKey>) =>
    db
      .selectFrom('dependencies')
      .select(edgeColumns)
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .orderBy('id')
      .compile(),
  );
  return {
    async get(owner) {
      const key = toOwnerKey(owner);
      const found = groups.all(key).map(fromGroupRow);
      return found.length === 0 ? undefined : { groups: found, edges: edges.all(key).map(fromEdgeRow) };
    },
  };
}

export function dependencyRepository(statements: Statements, clock: Clock): DependencyRepository {
  const trees = dependencyTrees(statements);
  const openEdges = statements.prepare((db, arg: Arg<{ planId: string; type: string; id: string }>) =>
    db
      .selectFrom('dependencies')
      .select(['id', 'source_type', 'source_id', 'purpose', 'group_index', 'condition'])
      .where('work_plan_id', '=', arg('planId'))
      .where('target_type', '=', arg('type'))
      .where('target_id', '=', arg('id'))
      .where('tracked', '=', sql.lit(1))
      .where('resolved', '=', sql.lit(0))
      .compile(),
  );
  const resolve = statements.prepare((db, arg: Arg<{ id: number; satisfied: number; at: number }>) =>
    db
      .updateTable('dependencies')
      .set({ resolved: sql.lit(1), satisfied: arg('satisfied'), resolved_at: arg('at') })
      .where('id', '=', arg('id'))
      .compile(),
  );
  const group = statements.prepare((db, arg: Arg<GroupKey>) =>
    db
      .selectFrom('dependency_groups')
      .select(groupColumns)
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('source_type', '=', arg('source_type'))
      .where('source_id', '=', arg('source_id'))
      .where('purpose', '=', arg('purpose'))
      .where('group_index', '=', arg('group_index'))
      .compile(),
  );
  return {
    ...dependencyReader(statements),
    async put(owner, flat, tracked) {
      trees.put(owner, flat, tracked, clock.now());
    },
    async remove(owner) {
      trees.remove(owner);
    },
    async startTracking(owner, flat) {
      trees.startTracking(owner, flat, clock.now());
    },
    async recordResolution(planId, target, outcome, at) {
      // Two statements for most ends, which resolve one edge or none: one UPDATE of many rows keeps a journal of its own.
      const edges = openEdges.all({ planId, type: nodeTypeCodes.encode(target.type), id: target.id });
      return edges.map((edge) => {
        const satisfied = Number(satisfies(conditionCodes.decode(edge.condition), outcome));
        resolve.runOnOne({ id: edge.id, satisfied, at });
        return {
          source: { type: nodeTypeCodes.decode(edge.source_type), id: edge.source_id },
          purpose: purposeCodes.decode(edge.purpose),
          group: edge.group_index,
          resolution: toResolution(satisfied),
        };
      });
    },
    async group(owner, index) {
      const row = group.get(toGroupKey(owner, index));
      if (row === undefined) return undefined;
      const { parent, tally } = fromGroupRow(row);
      return { parent, tally };
    },
    async updateTally(owner, index, tally) {
      trees.updateTally(owner, index, tally);
    },
  };
}
