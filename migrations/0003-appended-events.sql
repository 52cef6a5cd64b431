-- Events are appended where the last one stands, whichever plan they belong to: rows that were kept in the order of
-- their plans split and rewrote a plan's last pages with every few events.
ALTER TABLE events RENAME TO old_events;

CREATE TABLE events (
  position INTEGER PRIMARY KEY, -- the order in which they were stored, of all plans together
  work_plan_id TEXT NOT NULL REFERENCES work_plans (id),
  revision INTEGER NOT NULL CHECK (revision >= 1),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  node_type TEXT NOT NULL CHECK (node_type = 'check' OR node_type = 'stage' OR node_type = 'plan'),
  node_id TEXT NOT NULL,
  old_state INTEGER, -- none for a new node
  new_state INTEGER NOT NULL,
  change_json TEXT NOT NULL,
  CHECK ((node_type = 'plan') = (node_id = ''))
) STRICT;

INSERT INTO events (
  work_plan_id, revision, seq, at, actor, reason, node_type, node_id, old_state, new_state, change_json
)
SELECT work_plan_id, revision, seq, at, actor, reason, node_type, node_id, old_state, new_state, change_json
FROM old_events ORDER BY work_plan_id, revision, seq;

DROP TABLE old_events;
CREATE UNIQUE INDEX idx_events_revision ON events (work_plan_id, revision, seq);
