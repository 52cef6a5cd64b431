import { expect, it } from 'vitest';
import { digestOf, idempotent } from './idempotency.ts';

it('digests what a request says, not how it is written', () => {
  const one = { checks: [{ id: 'a', options: { x: 1, y: [1, 2] }, kind: undefined }], reason: '' };
  const same = { reason: '', checks: [{ options: { y: [1, 2], x: 1 }, id: 'a' }] };
  expect(digestOf(one)).toBe(digestOf(same));
  expect(digestOf({ ...one, reason: 'other' })).not.toBe(digestOf(one));
  expect(digestOf({ ...one, checks: [{ id: 'a', options: { x: 1, y: [2, 1] } }] })).not.toBe(digestOf(one));
  expect(digestOf({ checks: [...one.checks, ...one.checks], reason: '' })).not.toBe(digestOf(one));
});

it('is about requests with an id only, whose id is no part of what they say', () => {
  expect(idempotent('M', 'p', { requestId: '', a: 1 })).toBeUndefined();
  const [first, second] = ['r1', 'r2'].map((requestId) => idempotent('M', 'p', { requestId, a: 1 }));
  expect(first).toEqual({ method: 'M', scope: 'p', requestId: 'r1', digest: second?.digest });
});
