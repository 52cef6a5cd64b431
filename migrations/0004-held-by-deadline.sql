-- What the server has handed out and lives is due at some time, and is found by the index of those times, once, when a
-- process starts: an index of its own cost every attempt two changes of it.
DROP INDEX idx_stage_attempts_held;

-- The first release gave its own executors none when they took an attempt. They ended with their process: it is due.
UPDATE stage_attempts SET deadline = updated_at, due_at = updated_at
WHERE dispatch IS NOT NULL AND state < 30 AND due_at IS NULL;
