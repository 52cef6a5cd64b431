-- Times are milliseconds since the epoch, booleans 0 or 1, *_json columns JSON text. State numbers leave room between
-- them; every CHECK repeats an invariant of the domain, so that a bug stops at the database instead of staying in it.
-- IN with more than two values stands nowhere in them: SQLite would build a table of the values for each row.

CREATE TABLE work_plans (
  id TEXT NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
  state INTEGER NOT NULL DEFAULT 10 CHECK (state BETWEEN 10 AND 30 AND state % 10 = 0), -- ACTIVE, COMPLETE, CANCELLED
  outcome INTEGER CHECK (outcome BETWEEN 1 AND 4), -- SUCCEEDED, FAILED, CANCELLED, SKIPPED (everywhere)
  checks_planning INTEGER NOT NULL CHECK (checks_planning >= 0),
  checks_planned INTEGER NOT NULL CHECK (checks_planned >= 0),
  checks_waiting INTEGER NOT NULL CHECK (checks_waiting >= 0),
  checks_final INTEGER NOT NULL CHECK (checks_final >= 0),
  stages_planned INTEGER NOT NULL CHECK (stages_planned >= 0),
  stages_attempting INTEGER NOT NULL CHECK (stages_attempting >= 0),
  stages_awaiting_group INTEGER NOT NULL CHECK (stages_awaiting_group >= 0),
  stages_final INTEGER NOT NULL CHECK (stages_final >= 0),
  nodes_failed INTEGER NOT NULL CHECK (nodes_failed >= 0),
  nodes_cancelled INTEGER NOT NULL CHECK (nodes_cancelled >= 0),
  cancelled_at INTEGER,
  cancel_reason TEXT NOT NULL DEFAULT '',
  CHECK ((state = 10) = (outcome IS NULL)),
  CHECK (state <> 30 OR cancelled_at IS NOT NULL),
  CHECK (nodes_failed + nodes_cancelled <= checks_final + stages_final)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_work_plans_state ON work_plans (state, created_at, id);

-- Metadata never changes, so it stays out of the row that every write of the plan rewrites. created_at is the plan's:
-- it lets one index both find a pair and give the plans' order.
CREATE TABLE work_plan_metadata (
  work_plan_id TEXT NOT NULL REFERENCES work_plans (id),
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (work_plan_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_work_plan_metadata_pair ON work_plan_metadata (key, value, created_at, work_plan_id);

CREATE TABLE checks (
  position INTEGER PRIMARY KEY, -- the order of creation, of all plans together
  id TEXT NOT NULL,
  work_plan_id TEXT NOT NULL REFERENCES work_plans (id),
  state INTEGER NOT NULL DEFAULT 10 CHECK (state BETWEEN 10 AND 40 AND state % 10 = 0), -- PLANNING, PLANNED, WAITING, FINAL
  kind TEXT NOT NULL DEFAULT '',
  options_json TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
  revision INTEGER NOT NULL CHECK (revision >= 1),
  outcome INTEGER CHECK (outcome BETWEEN 1 AND 4),
  goals_json TEXT, -- how far the stages assigned to the check have come
  result_count INTEGER NOT NULL CHECK (result_count >= 0),
  UNIQUE (work_plan_id, id),
  CHECK ((state = 40) = (outcome IS NOT NULL))
) STRICT;

CREATE INDEX idx_checks_work_plan ON checks (work_plan_id); -- ends in position: a plan's checks by creation

CREATE TABLE check_results (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  work_plan_id TEXT NOT NULL,
  check_id TEXT NOT NULL,
  owner_type TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  data_json TEXT,
  created_at INTEGER NOT NULL,
  finalized_at INTEGER,
  failure_message TEXT,
  failure_reason TEXT,
  failure_at INTEGER,
  superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)), -- kept and shown, counts for no outcome
  UNIQUE (work_plan_id, check_id, owner_type, owner_id),
  FOREIGN KEY (work_plan_id, check_id) REFERENCES checks (work_plan_id, id),
  CHECK ((failure_message IS NULL) = (failure_reason IS NULL) AND (failure_message IS NULL) = (failure_at IS NULL))
) STRICT;

CREATE INDEX idx_check_results_owner ON check_results (work_plan_id, owner_type, owner_id);

CREATE TABLE stages (
  position INTEGER PRIMARY KEY, -- the order of creation, of all plans together
  id TEXT NOT NULL,
  work_plan_id TEXT NOT NULL REFERENCES work_plans (id),
  state INTEGER NOT NULL DEFAULT 10 CHECK (state BETWEEN 10 AND 40 AND state % 10 = 0), -- PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL
  args_json TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
  revision INTEGER NOT NULL CHECK (revision >= 1),
  execution_mode INTEGER NOT NULL CHECK (execution_mode IN (1, 2)), -- SYNC, ASYNC
  runner_type TEXT NOT NULL DEFAULT '',
  policy_max_attempts INTEGER NOT NULL CHECK (policy_max_attempts >= 1),
  policy_attempt_timeout_ms INTEGER NOT NULL CHECK (policy_attempt_timeout_ms >= 0),
  policy_heartbeat_timeout_ms INTEGER NOT NULL CHECK (policy_heartbeat_timeout_ms >= 0),
  policy_stage_timeout_ms INTEGER NOT NULL CHECK (policy_stage_timeout_ms >= 0),
  policy_backoff_initial_ms INTEGER NOT NULL CHECK (policy_backoff_initial_ms >= 0),
  policy_backoff_multiplier REAL NOT NULL CHECK (policy_backoff_multiplier >= 1),
  policy_backoff_max_ms INTEGER NOT NULL CHECK (policy_backoff_max_ms >= 0),
  outcome INTEGER CHECK (outcome BETWEEN 1 AND 4),
  -- ATTEMPT_COMPLETE, NO_RETRIES_LEFT, ATTEMPT_BLOCKED_RETRY, STAGE_TIMEOUT, CANCELLED, DEPENDENCIES_UNSATISFIED,
  -- SKIPPED_BY_WRITER
  concluded_reason INTEGER CHECK (concluded_reason BETWEEN 1 AND 7),
  parent_stage_id TEXT,
  cancelled_at INTEGER,
  cancel_reason TEXT NOT NULL DEFAULT '',
  attempt_count INTEGER NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
  open_children INTEGER NOT NULL DEFAULT 0 CHECK (open_children >= 0),
  has_continuation_group INTEGER NOT NULL DEFAULT 0 CHECK (has_continuation_group IN (0, 1)),
  UNIQUE (work_plan_id, id),
  FOREIGN KEY (work_plan_id, parent_stage_id) REFERENCES stages (work_plan_id, id),
  CHECK ((state = 40) = (outcome IS NOT NULL)),
  CHECK (state < 30 OR concluded_reason IS NOT NULL),
  CHECK (state <> 20 OR attempt_count >= 1)
) STRICT;

CREATE INDEX idx_stages_work_plan ON stages (work_plan_id); -- ends in position: a plan's stages by creation
CREATE INDEX idx_stages_parent ON stages (work_plan_id, parent_stage_id) WHERE parent_stage_id IS NOT NULL;

CREATE TABLE stage_assignments (
  work_plan_id TEXT NOT NULL,
  stage_id TEXT NOT NULL,
  target_check_id TEXT NOT NULL,
  goal_state INTEGER NOT NULL CHECK (goal_state IN (20, 40)), -- of the check: PLANNED, FINAL
  position INTEGER NOT NULL CHECK (position >= 0), -- the order in which they were written
  PRIMARY KEY (work_plan_id, stage_id, target_check_id),
  FOREIGN KEY (work_plan_id, stage_id) REFERENCES stages (work_plan_id, id),
  FOREIGN KEY (work_plan_id, target_check_id) REFERENCES checks (work_plan_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_attempts (
  idx INTEGER NOT NULL CHECK (idx >= 1),
  work_plan_id TEXT NOT NULL,
  stage_id TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 40 AND state % 10 = 0), -- PENDING, SCHEDULED, RUNNING, COMPLETE, INCOMPLETE
  process_uid TEXT,
  details_json TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  failure_message TEXT,
  failure_reason TEXT,
  failure_at INTEGER,
  execution_id TEXT,
  runner_id TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  available_at INTEGER NOT NULL,
  deadline INTEGER,
  heartbeat_by INTEGER,
  cancel_by INTEGER,
  due_at INTEGER, -- the earliest time at which the server has to look at the attempt by itself
  progress_percent INTEGER NOT NULL DEFAULT 0 CHECK (progress_percent BETWEEN 0 AND 100),
  progress_count INTEGER NOT NULL DEFAULT 0 CHECK (progress_count >= 0),
  block_new_attempts INTEGER NOT NULL DEFAULT 0 CHECK (block_new_attempts IN (0, 1)),
  runner_type TEXT NOT NULL, -- of the stage, so that a queue is one index
  builtin INTEGER NOT NULL CHECK (builtin IN (0, 1)), -- whether the server process executes that type itself
  PRIMARY KEY (work_plan_id, stage_id, idx),
  FOREIGN KEY (work_plan_id, stage_id) REFERENCES stages (work_plan_id, id),
  CHECK ((state >= 30) = (ended_at IS NOT NULL)),
  CHECK (state < 30 OR due_at IS NULL),
  CHECK (state <> 20 OR process_uid IS NOT NULL),
  CHECK (execution_id IS NULL OR process_uid IS execution_id),
  CHECK ((failure_message IS NULL) = (failure_reason IS NULL) AND (failure_message IS NULL) = (failure_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX idx_stage_attempts_live ON stage_attempts (work_plan_id, stage_id) WHERE state < 30;
CREATE INDEX idx_stage_attempts_due ON stage_attempts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX idx_stage_attempts_builtin_queue ON stage_attempts (work_plan_id, available_at)
  WHERE state = 0 AND builtin = 1 AND process_uid IS NULL;

CREATE TABLE attempt_progress (
  work_plan_id TEXT NOT NULL,
  stage_id TEXT NOT NULL,
  idx INTEGER NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  message TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  details_json TEXT,
  percent INTEGER CHECK (percent BETWEEN 0 AND 100),
  idempotency_key TEXT,
  PRIMARY KEY (work_plan_id, stage_id, idx, position),
  FOREIGN KEY (work_plan_id, stage_id, idx) REFERENCES stage_attempts (work_plan_id, stage_id, idx)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX idx_attempt_progress_key ON attempt_progress (work_plan_id, stage_id, idx, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- A node's tree of groups, one row each, with the counters that make fan-in of n cost n updates.
CREATE TABLE dependency_groups (
  work_plan_id TEXT NOT NULL REFERENCES work_plans (id),
  source_type TEXT NOT NULL CHECK (source_type IN ('check', 'stage')),
  source_id TEXT NOT NULL,
  purpose INTEGER NOT NULL CHECK (purpose IN (1, 2)), -- DEPENDENCIES, CONTINUATION
  group_index INTEGER NOT NULL CHECK (group_index >= 0),
  parent_index INTEGER, -- the parent's group_index; none for the root
  predicate_type TEXT NOT NULL CHECK (predicate_type = 'AND' OR predicate_type = 'OR' OR predicate_type = 'THRESHOLD'),
  need INTEGER NOT NULL CHECK (need >= 0),
  members INTEGER NOT NULL CHECK (members >= 0),
  satisfied INTEGER NOT NULL CHECK (satisfied >= 0),
  unsatisfied INTEGER NOT NULL CHECK (unsatisfied >= 0),
  PRIMARY KEY (work_plan_id, source_type, source_id, purpose, group_index),
  CHECK ((group_index = 0) = (parent_index IS NULL)),
  CHECK (parent_index IS NULL OR parent_index BETWEEN 0 AND group_index - 1),
  CHECK (satisfied + unsatisfied <= members),
  CHECK (need <= members)
) STRICT, WITHOUT ROWID;

-- The edges. The UNIQUE serves as index by source, the partial index finds the open edges to a node that became FINAL.
-- No foreign key: an edge goes in with its group in one call, and 30,000 look-ups per large write buy nothing.
CREATE TABLE dependencies (
  id INTEGER PRIMARY KEY, -- the order in which they were written
  work_plan_id TEXT NOT NULL,
  source_type TEXT NOT NULL CHECK (source_type IN ('check', 'stage')),
  source_id TEXT NOT NULL,
  purpose INTEGER NOT NULL,
  group_index INTEGER NOT NULL,
  target_type TEXT NOT NULL CHECK (target_type IN ('check', 'stage')),
  target_id TEXT NOT NULL,
  condition INTEGER NOT NULL CHECK (condition BETWEEN 1 AND 3), -- FINAL, SUCCEEDED, FAILED
  tracked INTEGER NOT NULL CHECK (tracked IN (0, 1)), -- whether the target's end touches the edge
  resolved INTEGER NOT NULL DEFAULT 0 CHECK (resolved IN (0, 1)),
  satisfied INTEGER CHECK (satisfied IN (0, 1)),
  resolved_at INTEGER,
  UNIQUE (work_plan_id, source_type, source_id, purpose, group_index, target_type, target_id, condition),
  CHECK ((resolved = 1) = (satisfied IS NOT NULL) AND (resolved = 1) = (resolved_at IS NOT NULL)),
  CHECK (resolved = 0 OR tracked = 1)
) STRICT;

CREATE INDEX idx_dependencies_open_target ON dependencies (work_plan_id, target_type, target_id)
  WHERE tracked = 1 AND resolved = 0;

CREATE TABLE events (
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
  PRIMARY KEY (work_plan_id, revision, seq),
  CHECK ((node_type = 'plan') = (node_id = ''))
) STRICT, WITHOUT ROWID;

-- A memory may outlive its plan, so it does not refer to it.
CREATE TABLE requests (
  method TEXT NOT NULL,
  scope TEXT NOT NULL,
  request_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  work_plan_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (method, scope, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_requests_created ON requests (created_at);
