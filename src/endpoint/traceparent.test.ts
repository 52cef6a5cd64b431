import { expect, test } from 'vitest';
import { parseTraceparent } from './traceparent.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

test('a header of version 00', () => {
  expect(parseTraceparent(`00-${traceId}-${parentId}-01`)).toEqual({ traceId, parentId, sampled: true });
  expect(parseTraceparent(`00-${traceId}-${parentId}-00`)?.sampled).toBe(false);
});

test('a later version may say more', () => {
  expect(parseTraceparent(`cc-${traceId}-${parentId}-01-what-the-future-holds`)).toEqual({
    traceId,
    parentId,
    sampled: true,
  });
});

test.each([
  ['nothing', undefined],
  ['noise', 'trace me'],
  ['the forbidden version', `ff-${traceId}-${parentId}-01`],
  ['more than version 00 has', `00-${traceId}-${parentId}-01-x`],
  ['an empty trace id', `00-${'0'.repeat(32)}-${parentId}-01`],
  ['an empty parent id', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['upper case', `00-${traceId.toUpperCase()}-${parentId}-01`],
])('%s is ignored', (_, header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});
