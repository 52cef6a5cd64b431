-- Attempts are executed by runners as well, pushed to them or pulled by them, and stages time out. What 0001 says of
-- times, numbers and CHECKs goes on. The two tables of attempts are built anew: a CHECK can not be added to a table.

ALTER TABLE attempt_progress RENAME TO old_attempt_progress;
ALTER TABLE stage_attempts RENAME TO old_stage_attempts;

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
  dispatch INTEGER CHECK (dispatch BETWEEN 1 AND 4), -- how the server handed it out: BUILTIN, RUN, RUN_ASYNC, ACQUIRE
  runner_id TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  available_at INTEGER NOT NULL,
  deadline INTEGER,
  heartbeat_by INTEGER,
  cancel_by INTEGER,
  confirm_by INTEGER,
  due_at INTEGER, -- the earliest time at which the server has to look at the attempt by itself
  answer_digest TEXT,
  progress_percent INTEGER NOT NULL DEFAULT 0 CHECK (progress_percent BETWEEN 0 AND 100),
  progress_count INTEGER NOT NULL DEFAULT 0 CHECK (progress_count >= 0),
  block_new_attempts INTEGER NOT NULL DEFAULT 0 CHECK (block_new_attempts IN (0, 1)),
  runner_type TEXT NOT NULL, -- of the stage
  queue TEXT, -- follows from the stage's type and mode, so that a queue is one index; none: the writer drives the stage
  PRIMARY KEY (work_plan_id, stage_id, idx),
  FOREIGN KEY (work_plan_id, stage_id) REFERENCES stages (work_plan_id, id),
  CHECK ((state >= 30) = (ended_at IS NOT NULL)),
  CHECK (state < 30 OR due_at IS NULL),
  CHECK (state <> 20 OR process_uid IS NOT NULL),
  CHECK (execution_id IS NULL OR process_uid IS execution_id),
  CHECK ((execution_id IS NULL) = (dispatch IS NULL)),
  CHECK (runner_id IS NULL OR (dispatch IS NOT NULL AND dispatch <> 1)),
  CHECK (confirm_by IS NULL OR (dispatch IS 4 AND state = 20)),
  CHECK (answer_digest IS NULL OR state >= 30),
  CHECK ((queue IS NULL) = (runner_type = '')),
  CHECK ((failure_message IS NULL) = (failure_reason IS NULL) AND (failure_message IS NULL) = (failure_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Until now the server handed attempts out to its own executors only.
INSERT INTO stage_attempts (
  idx, work_plan_id, stage_id, state, process_uid, details_json, created_at, updated_at, failure_message,
  failure_reason, failure_at, execution_id, dispatch, started_at, ended_at, available_at, deadline, heartbeat_by,
  cancel_by, due_at, progress_percent, progress_count, block_new_attempts, runner_type, queue
)
SELECT
  a.idx, a.work_plan_id, a.stage_id, a.state, a.process_uid, a.details_json, a.created_at, a.updated_at,
  a.failure_message, a.failure_reason, a.failure_at, a.execution_id, CASE WHEN a.execution_id IS NOT NULL THEN 1 END,
  a.started_at, a.ended_at, a.available_at, a.deadline, a.heartbeat_by, a.cancel_by, a.due_at, a.progress_percent,
  a.progress_count, a.block_new_attempts, a.runner_type,
  CASE
    WHEN a.builtin = 1 THEN 'builtin'
    WHEN a.runner_type <> '' THEN CASE s.execution_mode WHEN 1 THEN 'SYNC:' ELSE 'ASYNC:' END || a.runner_type
  END
FROM old_stage_attempts a JOIN stages s ON s.work_plan_id = a.work_plan_id AND s.id = a.stage_id;

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

INSERT INTO attempt_progress (
  work_plan_id, stage_id, idx, position, message, timestamp, details_json, percent, idempotency_key
)
SELECT work_plan_id, stage_id, idx, position, message, timestamp, details_json, percent, idempotency_key
FROM old_attempt_progress;

DROP TABLE old_attempt_progress;
DROP TABLE old_stage_attempts;

CREATE UNIQUE INDEX idx_stage_attempts_live ON stage_attempts (work_plan_id, stage_id) WHERE state < 30;
CREATE INDEX idx_stage_attempts_due ON stage_attempts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX idx_stage_attempts_queue ON stage_attempts (queue, work_plan_id, available_at)
  WHERE state = 0 AND process_uid IS NULL AND queue IS NOT NULL;
-- Retries only: a first attempt is available from its creation on.
CREATE INDEX idx_stage_attempts_backoff ON stage_attempts (available_at)
  WHERE state = 0 AND process_uid IS NULL AND queue IS NOT NULL AND available_at > created_at;
CREATE UNIQUE INDEX idx_stage_attempts_execution ON stage_attempts (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX idx_stage_attempts_held ON stage_attempts (dispatch) WHERE dispatch IS NOT NULL AND state < 30;
CREATE INDEX idx_stage_attempts_unconfirmed ON stage_attempts (runner_id) WHERE confirm_by IS NOT NULL;
CREATE UNIQUE INDEX idx_attempt_progress_key ON attempt_progress (work_plan_id, stage_id, idx, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- Whether the stage_timeout has passed and was acted on, and until then when it passes.
ALTER TABLE stages ADD COLUMN timed_out INTEGER NOT NULL DEFAULT 0 CHECK (timed_out IN (0, 1));
ALTER TABLE stages ADD COLUMN due_at INTEGER CHECK (due_at IS NULL OR (state < 40 AND timed_out = 0));
UPDATE stages SET due_at = created_at + policy_stage_timeout_ms WHERE policy_stage_timeout_ms > 0 AND state < 40;
CREATE INDEX idx_stages_due ON stages (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE stage_runners (
  registration_id TEXT NOT NULL UNIQUE,
  runner_id TEXT NOT NULL CHECK (runner_id <> ''),
  runner_type TEXT NOT NULL CHECK (runner_type <> ''),
  address TEXT NOT NULL, -- empty = the runner only pulls
  modes INTEGER NOT NULL CHECK (modes BETWEEN 1 AND 3), -- a set of bits: SYNC 1, ASYNC 2
  max_concurrent INTEGER NOT NULL CHECK (max_concurrent >= 0), -- 0 = unlimited
  ttl_ms INTEGER NOT NULL CHECK (ttl_ms > 0),
  metadata_json TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  renewed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (runner_type, runner_id) -- the order in which registrations are listed
) STRICT, WITHOUT ROWID;
