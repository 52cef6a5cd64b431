import { sql } from 'kysely';
import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { EventReader, EventRepository } from '../event-repository.ts';
import { checkStateCodes, stageStateCodes, workPlanStateCodes } from './codes.ts';
import type { Schema } from './schema.ts';
import type { Arg, Statements } from './statements.ts';

const eventColumns = [
  'revision',
  'seq',
  'at',
  'actor',
  'reason',
  'node_type',
  'node_id',
  'old_state',
  'new_state',
  'change_json',
] as const;

/** The changes of a page hold no more than this, but for its last event. */
const PAGE_CHARACTERS = 1024 * 1024;

type EventRow = Pick<Schema['events'], (typeof eventColumns)[number]>;

export function eventReader(statements: Statements): EventReader {
  const list = statements.prepare((db, arg: Arg<{ planId: string; revision: number; seq: number; limit: number }>) =>
    db
      .selectFrom('events')
      .select(eventColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where(sql<boolean>`(revision, seq) > (${arg('revision')}, ${arg('seq')})`)
      .orderBy('revision')
      .orderBy('seq')
      .limit(arg('limit'))
      .compile(),
  );
  return {
    async list(planId, after, limit) {
      const events: PlanHistoryEvent[] = [];
      let characters = 0;
      for (const row of list.iterate({ planId, ...after, limit })) {
        events.push(fromEventRow(row));
        characters += row.change_json.length;
        if (characters >= PAGE_CHARACTERS) break;
      }
      return events;
    },
  };
}

export function eventRepository(statements: Statements): EventRepository {
  const insert = statements.insert('events', ['work_plan_id', ...eventColumns]);
  return {
    ...eventReader(statements),
    async append(planId, events) {
      return events.map((event) => {
        const row = toEventRow(event);
        insert.run({ work_plan_id: planId, ...row });
        return row.change_json.length;
      });
    },
  };
}

function toEventRow(event: PlanHistoryEvent): EventRow {
  return {
    revision: event.revision,
    seq: event.seq,
    at: event.at,
    actor: event.actor,
    reason: event.reason,
    node_id: event.nodeId,
    change_json: JSON.stringify(event.change),
    ...toStates(event),
  };
}

function toStates(event: PlanHistoryEvent): Pick<EventRow, 'node_type' | 'old_state' | 'new_state'> {
  switch (event.type) {
    case 'CHECK':
      return {
        node_type: 'check',
        old_state: checkStateCodes.encodeOptional(event.oldState),
        new_state: checkStateCodes.encode(event.newState),
      };
    case 'STAGE':
      return {
        node_type: 'stage',
        old_state: stageStateCodes.encodeOptional(event.oldState),
        new_state: stageStateCodes.encode(event.newState),
      };
    case 'PLAN':
      return {
        node_type: 'plan',
        old_state: workPlanStateCodes.encodeOptional(event.oldState),
        new_state: workPlanStateCodes.encode(event.newState),
      };
  }
}

function fromEventRow(row: EventRow): PlanHistoryEvent {
  const { revision, seq, at, actor, reason } = row;
  const head = { revision, seq, at, actor, reason, change: JSON.parse(row.change_json) };
  switch (row.node_type) {
    case 'check':
      return {
        ...head,
        type: 'CHECK',
        nodeId: row.node_id,
        oldState: checkStateCodes.decodeOptional(row.old_state),
        newState: checkStateCodes.decode(row.new_state),
      };
    case 'stage':
      return {
        ...head,
        type: 'STAGE',
        nodeId: row.node_id,
        oldState: stageStateCodes.decodeOptional(row.old_state),
        newState: stageStateCodes.decode(row.new_state),
      };
    case 'plan':
      return {
        ...head,
        type: 'PLAN',
        nodeId: '',
        oldState: workPlanStateCodes.decodeOptional(row.old_state),
        newState: workPlanStateCodes.decode(row.new_state),
      };
    default:
      throw new Error(`the database holds an event of unknown type ${row.node_type}`);
  }
}
