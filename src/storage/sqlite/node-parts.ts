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
import { type IdQuery, IdStatement } from './id-statement.ts';
import { fromJson } from './json-column.ts';
import { fromResultRow, resultHeadColumns } from './result-row.ts';
import { fromAssignmentRow } from './stage-row.ts';
import type { Arg, Statements } from './statements.ts';

type Of = { planId: string };
type FullOf = Of & { full: number };
type TreeOf = Of & { type: string; purpose: number };

type Parts<Part> = ReadonlyMap<string, readonly Part[]>;

/** Reads what belongs to many nodes, each part with one statement; the maps' keys are the nodes' ids. */
export type NodeParts = {
  results(planId: string, ids: readonly string[], view: NodeView): Parts<CheckResult>;
  trees(planId: string, type: NodeType, ids: readonly string[], purpose: GroupPurpose): ReadonlyMap<string, GroupView>;
  assignments(planId: string, ids: readonly string[]): Parts<Assignment>;
  attempts(planId: string, ids: readonly string[], view: NodeView): Parts<AttemptView>;
};

export function nodeParts(statements: Statements): NodeParts {
  const ofIds = <Args extends object, Row>(text: IdQuery<Args, Row>) => new IdStatement(statements, text);
  const results = ofIds((db, arg: Arg<FullOf>, isWanted) =>
    db
      .selectFrom('check_results')
      .select('check_id')
      .select(resultHeadColumns)
      .select(sql<string | null>`case when ${arg('full')} then data_json end`.as('data_json'))
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('check_id'))
      .compile(),
  );
  const groups = ofIds((db, arg: Arg<TreeOf>, isWanted) =>
    db
      .selectFrom('dependency_groups')
      .select('source_id')
      .select(groupColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('source_type', '=', arg('type'))
      .where(isWanted('source_id'))
      .where('purpose', '=', arg('purpose'))
      .compile(),
  );
  const edges = ofIds((db, arg: Arg<TreeOf>, isWanted) =>
    db
      .selectFrom('dependencies')
      .select(['id', 'source_id'])
      .select(edgeColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('source_type', '=', arg('type'))
      .where(isWanted('source_id'))
      .where('purpose', '=', arg('purpose'))
      .compile(),
  );
  const assignments = ofIds((db, arg: Arg<Of>, isWanted) =>
    db
      .selectFrom('stage_assignments')
      .select(['stage_id', 'target_check_id', 'goal_state', 'position'])
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('stage_id'))
      .compile(),
  );
  const attempts = ofIds((db, arg: Arg<FullOf>, isWanted) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptColumns)
      .select(sql<string | null>`case when ${arg('full')} then details_json end`.as('details_json'))
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('stage_id'))
      .compile(),
  );
  const progress = ofIds((db, arg: Arg<Of>, isWanted) =>
    db
      .selectFrom('attempt_progress')
      .select(['stage_id', 'idx', 'position'])
      .select(progressColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('stage_id'))
      .compile(),
  );

  const progressOf = (planId: string, ids: readonly string[]): Parts<ProgressEntry> => {
    if (ids.length === 0) return new Map();
    const rows = progress.all({ planId }, ids);
    return gather(
      rows,
      (row) => attemptKey(row.stage_id, row.idx),
      (row) => row.position,
      fromProgressRow,
    );
  };
  return {
    results(planId, ids, view) {
      if (ids.length === 0) return new Map();
      const rows = results.all({ planId, full: Number(view === 'FULL') }, ids);
      return gather(
        rows,
        (row) => row.check_id,
        (row) => row.id,
        fromResultRow,
      );
    },
    trees(planId, type, ids, purpose) {
      if (ids.length === 0) return new Map();
      const of = { planId, type: nodeTypeCodes.encode(type), purpose: purposeCodes.encode(purpose) };
      const groupRows = groups.all(of, ids);
      if (groupRows.length === 0) return new Map();
      const groupsOf = gather(
        groupRows,
        (row) => row.source_id,
        (row) => row.group_index,
        fromGroupRow,
      );
      const edgeRows = edges.all(of, [...groupsOf.keys()]);
      const edgesOf = gather(
        edgeRows,
        (row) => row.source_id,
        (row) => row.id,
        fromEdgeRow,
      );
      return new Map(
        Array.from(groupsOf, ([id, found]) => [id, viewOf({ groups: found, edges: edgesOf.get(id) ?? [] })]),
      );
    },
    assignments(planId, ids) {
      return gather(
        assignments.all({ planId }, ids),
        (row) => row.stage_id,
        (row) => row.position,
        fromAssignmentRow,
      );
    },
    attempts(planId, ids, view) {
      if (ids.length === 0) return new Map();
      const rows = attempts.all({ planId, full: Number(view === 'FULL') }, ids);
      const reporting = new Set(rows.filter((row) => row.progress_count > 0).map((row) => row.stage_id));
      const entries = progressOf(planId, view === 'FULL' ? [...reporting] : []);
      return gather(
        rows,
        (row) => row.stage_id,
        (row) => row.idx,
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

/**
 * The parts of each node, in the order of a number that each row has. Sorted here: an ORDER BY costs a statement 10 µs
 * before its first row, where most nodes have few parts.
 */
function gather<Row, Part>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  placeOf: (row: Row) => number,
  partOf: (row: Row) => Part,
): Map<string, Part[]> {
  const rowsOf = Map.groupBy(rows, keyOf);
  for (const found of rowsOf.values()) found.sort((a, b) => placeOf(a) - placeOf(b));
  return new Map(Array.from(rowsOf, ([key, found]) => [key, found.map(partOf)]));
}
