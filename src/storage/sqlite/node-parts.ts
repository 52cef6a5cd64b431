import { sql } from 'kysely';
import type { Assignment } from '../../domain/assignment.ts';
import type { AttemptView, ProgressEntry } from '../../domain/attempt.ts';
import type { CheckResult } from '../../domain/check.ts';
import type { GroupPurpose, GroupView } from '../../domain/dependency/group.ts';
import { viewOf } from '../../domain/dependency/view.ts';
import type { NodeType, NodeView } from '../../domain/node.ts';
import { attemptColumns, fromAttemptRow, fromProgressRow, progressColumns } from './attempt-row.ts';
import { nodeTypeCodes, purposeCodes } from './codes.ts';
import { edgeColumns, fromEdgeRow, fromGroupRow, groupColumns } from './dependency-row.ts';
import { fromJson } from './json-column.ts';
import { fromResultRow, resultHeadColumns } from './result-row.ts';
import { fromAssignmentRow } from './stage-row.ts';
import type { Arg, Statements } from './statements.ts';

/** The nodes whose parts are read: their ids as a JSON array. */
type Of = { planId: string; ids: string };
type FullOf = Of & { full: number };

type Parts<Part> = ReadonlyMap<string, readonly Part[]>;

/** Reads what belongs to many nodes, each part with one statement; the maps' keys are the nodes' ids. */
export type NodeParts = {
  results(planId: string, ids: readonly string[], view: NodeView): Parts<CheckResult>;
  trees(planId: string, type: NodeType, ids: readonly string[], purpose: GroupPurpose): ReadonlyMap<string, GroupView>;
  assignments(planId: string, ids: readonly string[]): Parts<Assignment>;
  attempts(planId: string, ids: readonly string[], view: NodeView): Parts<AttemptView>;
};

export function nodeParts(statements: Statements): NodeParts {
  const results = statements.prepare((db, arg: Arg<FullOf>) =>
    db
      .selectFrom('check_results')
      .select('check_id')
      .select(resultHeadColumns)
      .select(sql<string | null>`case when ${arg('full')} then data_json end`.as('data_json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .orderBy('id')
      .compile(),
  );
  const groups = statements.prepare((db, arg: Arg<Of & { type: string; purpose: number }>) =>
    db
      .selectFrom('dependency_groups')
      .select('source_id')
      .select(groupColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('source_type', '=', arg('type'))
      .where('source_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .where('purpose', '=', arg('purpose'))
      .orderBy('source_id')
      .orderBy('group_index')
      .compile(),
  );
  const edges = statements.prepare((db, arg: Arg<Of & { type: string; purpose: number }>) =>
    db
      .selectFrom('dependencies')
      .select('source_id')
      .select(edgeColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('source_type', '=', arg('type'))
      .where('source_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .where('purpose', '=', arg('purpose'))
      .orderBy('id')
      .compile(),
  );
  const assignments = statements.prepare((db, arg: Arg<Of>) =>
    db
      .selectFrom('stage_assignments')
      .select(['stage_id', 'target_check_id', 'goal_state'])
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .orderBy('stage_id')
      .orderBy('position')
      .compile(),
  );
  const attempts = statements.prepare((db, arg: Arg<FullOf>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptColumns)
      .select(sql<string | null>`case when ${arg('full')} then details_json end`.as('details_json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .orderBy('stage_id')
      .orderBy('idx')
      .compile(),
  );
  const progress = statements.prepare((db, arg: Arg<Of>) =>
    db
      .selectFrom('attempt_progress')
      .select(['stage_id', 'idx'])
      .select(progressColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .orderBy('stage_id')
      .orderBy('idx')
      .orderBy('position')
      .compile(),
  );

  const progressOf = (planId: string, ids: string): Parts<ProgressEntry> =>
    gather(progress.all({ planId, ids }), (row) => attemptKey(row.stage_id, row.idx), fromProgressRow);
  return {
    results(planId, ids, view) {
      const rows = results.all({ planId, ids: JSON.stringify(ids), full: Number(view === 'FULL') });
      return gather(rows, (row) => row.check_id, fromResultRow);
    },
    trees(planId, type, ids, purpose) {
      const of = {
        planId,
        ids: JSON.stringify(ids),
        type: nodeTypeCodes.encode(type),
        purpose: purposeCodes.encode(purpose),
      };
      const edgesOf = gather(edges.all(of), (row) => row.source_id, fromEdgeRow);
      const groupsOf = gather(groups.all(of), (row) => row.source_id, fromGroupRow);
      return new Map(
        Array.from(groupsOf, ([id, found]) => [id, viewOf({ groups: found, edges: edgesOf.get(id) ?? [] })]),
      );
    },
    assignments(planId, ids) {
      return gather(assignments.all({ planId, ids: JSON.stringify(ids) }), (row) => row.stage_id, fromAssignmentRow);
    },
    attempts(planId, ids, view) {
      const of = { planId, ids: JSON.stringify(ids) };
      const entries: Parts<ProgressEntry> = view === 'FULL' ? progressOf(planId, of.ids) : new Map();
      const rows = attempts.all({ ...of, full: Number(view === 'FULL') });
      return gather(
        rows,
        (row) => row.stage_id,
        (row) => ({
          ...fromAttemptRow(row),
          details: fromJson(row.details_json),
          progress: entries.get(attemptKey(row.stage_id, row.idx)) ?? [],
        }),
      );
    },
  };
}

function attemptKey(stageId: string, idx: number): string {
  return `${idx}:${stageId}`;
}

function gather<Row, Part>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  partOf: (row: Row) => Part,
): Map<string, Part[]> {
  const parts = new Map<string, Part[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const known = parts.get(key);
    if (known === undefined) parts.set(key, [partOf(row)]);
    else known.push(partOf(row));
  }
  return parts;
}
