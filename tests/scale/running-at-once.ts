import Database from 'better-sqlite3';

type EventRow = { readonly node_id: string; readonly attempts: string };
type AttemptChange = { readonly state?: unknown; readonly oldState?: unknown };

/** The most attempts of a plan that were RUNNING at the same revision, as its history tells. */
export function runningAtOnce(path: string, planId: string): number {
  const database = new Database(path, { readonly: true, timeout: 5000 });
  try {
    const events = database.prepare<[string], EventRow>(
      `SELECT node_id, change_json ->> '$.attempts' AS attempts FROM events
       WHERE work_plan_id = ? AND node_type = 'stage' AND attempts IS NOT NULL ORDER BY revision, seq`,
    );
    let running = 0;
    let most = 0;
    for (const { attempts } of events.iterate(planId)) {
      for (const { state, oldState } of JSON.parse(attempts) as readonly AttemptChange[]) {
        running += Number(state === 'RUNNING') - Number(oldState === 'RUNNING');
        most = Math.max(most, running);
      }
    }
    return most;
  } finally {
    database.close();
  }
}
