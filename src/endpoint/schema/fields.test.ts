import { expect, test } from 'vitest';
import { duration, milliseconds, time } from './fields.ts';

const DURATION = /^must be a valid Duration: nanos /;

test.each([
  ['a time with bad nanos', time, Number.NaN, /^must be a valid Timestamp: nanos /],
  ['a time before 1970', time, -1, /^must be between the years 1970 and 9999$/],
  ['a time after 9999', time, 253_402_300_800_000, /^must be between the years 1970 and 9999$/],
  ['a duration with bad nanos', duration, Number.NaN, DURATION],
  ['a negative duration', duration, -1, /^must not be negative$/],
  ['a duration of more than a hundred years', duration, 3_153_600_000_001, /^must be at most 36500 days$/],
  ['a wait with bad nanos', milliseconds, Number.NaN, DURATION],
])('%s is refused in words for people', (_, schema, value, message) => {
  expect(schema.safeParse(value).error?.issues.map((issue) => issue.message)).toEqual([expect.stringMatching(message)]);
});
