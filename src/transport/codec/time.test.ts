import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from './time.ts';

test.each([0, 1, 999, 1000, 1_700_000_000_123, 253_402_300_799_999])(
  'the time %i survives the way there and back',
  (ms) => {
    const timestamp = toTimestamp(ms);
    expect(timestamp.nanos).toBeLessThan(1_000_000_000);
    expect(fromTimestamp(timestamp)).toBe(ms);
  },
);

test.each([0, 1, 999, 1000, 300_000, 3_153_600_000_000])('the duration %i survives the way there and back', (ms) => {
  expect(fromDuration(toDuration(ms))).toBe(ms);
});

test('a time is rounded down, a duration away from zero', () => {
  expect(fromTimestamp(create(TimestampSchema, { seconds: 1n, nanos: 999_999 }))).toBe(1000);
  expect(fromDuration(create(DurationSchema, { nanos: 1 }))).toBe(1);
  expect(fromDuration(create(DurationSchema, { nanos: -1 }))).toBe(-1);
});
