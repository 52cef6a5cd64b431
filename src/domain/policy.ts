/** How often and how long a stage is attempted. Durations in milliseconds; 0 = off where the field says so. */
export type ExecutionPolicy = {
  /** At least 1. */
  readonly maxAttempts: number;
  /** Longest time of one attempt from leaving the queue. */
  readonly attemptTimeoutMs: number;
  /** Longest silence of a live executor; 0 = off. */
  readonly heartbeatTimeoutMs: number;
  /** Longest time from insertion to the end; 0 = off. */
  readonly stageTimeoutMs: number;
  readonly backoffInitialMs: number;
  readonly backoffMultiplier: number;
  readonly backoffMaxMs: number;
};

/** A policy as written: unset fields take the server's defaults. */
export type PolicyWrite = { readonly [K in keyof ExecutionPolicy]: ExecutionPolicy[K] | undefined };

/** The policy that a stage runs under: what was written over the defaults. */
export function resolvePolicy(written: PolicyWrite | undefined, defaults: ExecutionPolicy): ExecutionPolicy {
  return {
    maxAttempts: written?.maxAttempts ?? defaults.maxAttempts,
    attemptTimeoutMs: written?.attemptTimeoutMs ?? defaults.attemptTimeoutMs,
    heartbeatTimeoutMs: written?.heartbeatTimeoutMs ?? defaults.heartbeatTimeoutMs,
    stageTimeoutMs: written?.stageTimeoutMs ?? defaults.stageTimeoutMs,
    backoffInitialMs: written?.backoffInitialMs ?? defaults.backoffInitialMs,
    backoffMultiplier: written?.backoffMultiplier ?? defaults.backoffMultiplier,
    backoffMaxMs: written?.backoffMaxMs ?? defaults.backoffMaxMs,
  };
}

/** Whether every field that was written equals the policy in force: such a write changes nothing. */
export function matchesPolicy(written: PolicyWrite, policy: ExecutionPolicy): boolean {
  const resolved = resolvePolicy(written, policy);
  return (
    resolved.maxAttempts === policy.maxAttempts &&
    resolved.attemptTimeoutMs === policy.attemptTimeoutMs &&
    resolved.heartbeatTimeoutMs === policy.heartbeatTimeoutMs &&
    resolved.stageTimeoutMs === policy.stageTimeoutMs &&
    resolved.backoffInitialMs === policy.backoffInitialMs &&
    resolved.backoffMultiplier === policy.backoffMultiplier &&
    resolved.backoffMaxMs === policy.backoffMaxMs
  );
}

/**
 * Delay in whole milliseconds before the attempt after `endedAttempts` ended ones: exponential backoff with full jitter
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015). `random` is in [0, 1).
 */
export function backoffDelayMs(policy: ExecutionPolicy, endedAttempts: number, random: number): number {
  // Without it, 0 times a power that has grown to Infinity would be NaN.
  if (policy.backoffInitialMs === 0) return 0;
  const ceiling = policy.backoffInitialMs * policy.backoffMultiplier ** Math.max(0, endedAttempts - 1);
  return Math.floor(random * Math.min(policy.backoffMaxMs, ceiling));
}
