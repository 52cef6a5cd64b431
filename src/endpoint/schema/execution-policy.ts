import { z } from 'zod';
import type { PolicyWrite } from '../../domain/policy.ts';
import { fault } from './fault.ts';
import { duration, unset } from './fields.ts';

const LEAST_HEARTBEAT_MS = 1000;

const positiveDuration = duration.check((checked) => {
  if (checked.value === 0) fault(checked, 'must be more than zero');
});

const heartbeat = duration.check((checked) => {
  if (checked.value > 0 && checked.value < LEAST_HEARTBEAT_MS) fault(checked, 'must be 0 (off) or at least 1 s');
});

const maxAttempts = z.number().check((checked) => {
  if (!(checked.value >= 1)) fault(checked, 'must be at least 1');
});

const multiplier = z.number().check((checked) => {
  if (!(checked.value >= 1)) fault(checked, 'must be at least 1');
});

/** How a stage is tried; unset fields take the server's defaults. */
export const executionPolicy: z.ZodType<PolicyWrite> = z.object({
  maxAttempts: unset(maxAttempts),
  attemptTimeoutMs: unset(positiveDuration),
  heartbeatTimeoutMs: unset(heartbeat),
  stageTimeoutMs: unset(duration),
  backoffInitialMs: unset(duration),
  backoffMultiplier: unset(multiplier),
  backoffMaxMs: unset(duration),
});
