-- What the server has handed out is found among the live attempts, once, when a process starts: an index of its own cost
-- every attempt two changes of it.
DROP INDEX idx_stage_attempts_held;
