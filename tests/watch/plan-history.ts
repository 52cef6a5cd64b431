import Database from 'better-sqlite3';

/** One event of a plan as it is stored, and what a watcher is to be told of it. */
export type HistoryEvent = {
  readonly revision: number;
  readonly type: 'check' | 'stage' | 'plan';
  readonly nodeId: string;
  readonly newState: number;
  /** What identifies it on the wire. */
  readonly key: string;
  /** The completed_event that follows it, if nothing is left to run from this revision on. */
  readonly completed: string | undefined;
};

/** All that ever happened to a plan, in order. */
export type PlanHistory = {
  readonly events: readonly HistoryEvent[];
  readonly version: number;
  /** The completed_event of a watch that begins at this revision; undefined while there is something left to run. */
  completedAt(revision: number): string | undefined;
};

type Row = Omit<HistoryEvent, 'key' | 'completed'> & {
  readonly plan: string;
  readonly oldState: number | null;
  readonly outcome: string | null;
};

const EVENTS = `SELECT work_plan_id AS plan, revision, node_type AS type, node_id AS nodeId, old_state AS oldState,
    new_state AS newState, change_json ->> '$.outcome' AS outcome
  FROM events ORDER BY work_plan_id, revision, seq`;

const PLAN_ACTIVE = 10;
const PLAN_CANCELLED = 30;
const NODE_FINAL = 40;

/** Reads the histories of all plans as of one moment, over a connection of its own. */
export function readPlanHistories(path: string): ReadonlyMap<string, PlanHistory> {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    const rows = Map.groupBy(database.prepare<[], Row>(EVENTS).all(), ({ plan }) => plan);
    return new Map([...rows].map(([plan, events]) => [plan, planHistory(events)]));
  } finally {
    database.close();
  }
}

/**
 * Says by itself, from nothing but the states of the nodes, with which revisions a plan came to its end (semantics,
 * sections 8 and 12): COMPLETE and all nodes FINAL, once for each time that nodes were added; CANCELLED, once.
 */
function planHistory(rows: readonly Row[]): PlanHistory {
  const replay = new Replay();
  const events: HistoryEvent[] = [];
  const done = new Map<number, string>();
  for (const [revision, changes] of Map.groupBy(rows, (row) => row.revision)) {
    const wasDone = replay.isDone;
    const [nodes, wasCancelled] = [replay.nodes, replay.planState === PLAN_CANCELLED];
    for (const change of changes) replay.apply(change);
    const completed = replay.isDone ? `${revision} completed ${replay.counts}` : undefined;
    if (completed !== undefined) done.set(revision, completed);
    const isNews = !wasDone || wasCancelled !== (replay.planState === PLAN_CANCELLED);
    const isTold = isNews || (replay.planState !== PLAN_CANCELLED && replay.nodes > nodes);
    for (const [at, row] of changes.entries()) {
      const isLast = at === changes.length - 1;
      events.push({ ...row, key: keyOf(row), completed: isLast && isTold ? completed : undefined });
    }
  }
  const version = rows.at(-1)?.revision ?? 0;
  return { events, version, completedAt: (revision) => done.get(Math.min(revision, version)) };
}

/** The states of a plan and its nodes as one event after the other leaves them. */
class Replay {
  planState = PLAN_ACTIVE;
  readonly #states = new Map<string, number>();
  #checks = 0;
  #open = 0;
  #hasFailures = false;

  apply({ type, nodeId, newState, outcome }: Row): void {
    if (type === 'plan') {
      this.planState = newState;
      return;
    }
    const node = `${type}:${nodeId}`;
    const oldState = this.#states.get(node);
    this.#states.set(node, newState);
    if (oldState === undefined && type === 'check') this.#checks += 1;
    if (oldState !== undefined && oldState !== NODE_FINAL) this.#open -= 1;
    if (newState !== NODE_FINAL) this.#open += 1;
    if (outcome === 'FAILED') this.#hasFailures = true;
  }

  get nodes(): number {
    return this.#states.size;
  }

  get isDone(): boolean {
    return this.planState !== PLAN_ACTIVE && this.#open === 0;
  }

  get counts(): string {
    return completionCounts(this.#checks, this.nodes - this.#checks, this.#hasFailures);
  }
}

export function completionCounts(checks: number, stages: number, hasFailures: boolean): string {
  return `${checks} checks, ${stages} stages, ${hasFailures ? 'with failures' : 'no failure'}`;
}

/** Plan states have other numbers on the wire. */
function keyOf({ revision, type, nodeId, oldState, newState }: Row): string {
  const scale = type === 'plan' ? PLAN_ACTIVE : 1;
  return `${revision} ${type} ${nodeId} ${(oldState ?? 0) / scale} > ${newState / scale}`;
}
