import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffDelayMs, type ExecutionPolicy, matchesPolicy, resolvePolicy } from './policy.ts';

const defaults: ExecutionPolicy = {
  maxAttempts: 3,
  attemptTimeoutMs: 300_000,
  heartbeatTimeoutMs: 0,
  stageTimeoutMs: 0,
  backoffInitialMs: 1000,
  backoffMultiplier: 2,
  backoffMaxMs: 60_000,
};

it('grows the ceiling of the backoff up to its maximum, with full jitter', () => {
  const almost = 0.999_999;
  expect([1, 2, 3, 6, 7, 40].map((ended) => backoffDelayMs(defaults, ended, almost))).toEqual([
    999, 1999, 3999, 31_999, 59_999, 59_999,
  ]);
  expect(backoffDelayMs(defaults, 5, 0)).toBe(0);
  expect(backoffDelayMs({ ...defaults, backoffInitialMs: 0 }, 3, almost)).toBe(0);
  expect(backoffDelayMs({ ...defaults, backoffInitialMs: 0, backoffMultiplier: 1e300 }, 9, almost)).toBe(0);
});

it('stays finite and within the maximum for any policy', () => {
  const policies = fc.record({
    backoffInitialMs: fc.nat(),
    backoffMultiplier: fc.double({ min: 1, max: 1e6, noNaN: true }),
    backoffMaxMs: fc.nat(),
  });
  fc.assert(
    fc.property(policies, fc.nat(10_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (policy, ended, random) => {
      const delay = backoffDelayMs({ ...defaults, ...policy }, ended, random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(policy.backoffMaxMs);
    }),
  );
});

const unset = {
  maxAttempts: undefined,
  attemptTimeoutMs: undefined,
  heartbeatTimeoutMs: undefined,
  stageTimeoutMs: undefined,
  backoffInitialMs: undefined,
  backoffMultiplier: undefined,
  backoffMaxMs: undefined,
};

it('takes unset fields from the defaults', () => {
  expect(resolvePolicy(undefined, defaults)).toEqual(defaults);
  expect(resolvePolicy({ ...unset, maxAttempts: 1, backoffInitialMs: 0 }, defaults)).toEqual({
    ...defaults,
    maxAttempts: 1,
    backoffInitialMs: 0,
  });
});

it('matches a repeated write by the fields that it names', () => {
  const policy = { ...defaults, maxAttempts: 5 };
  expect(matchesPolicy({ ...unset, maxAttempts: 5 }, policy)).toBe(true);
  expect(matchesPolicy(unset, policy)).toBe(true);
  expect(matchesPolicy({ ...unset, maxAttempts: 3 }, policy)).toBe(false);
});
