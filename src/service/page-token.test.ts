import { expect, it } from 'vitest';
import { AppError } from '../domain/error.ts';
import { pageToken, readPageToken } from './page-token.ts';

const query = { workPlanId: 'p', states: ['FINAL'], view: 'FULL' };

it('gives the position back to the query that it was made for, in any key order', () => {
  const token = pageToken(query, ['check', 42]);
  expect(readPageToken({ view: 'FULL', states: ['FINAL'], workPlanId: 'p' }, token)).toEqual(['check', 42]);
});

it('means the beginning when it is empty', () => {
  expect(readPageToken(query, '')).toBeUndefined();
});

it.each([
  ['another query', pageToken({ ...query, view: 'BASIC' }, ['check', 42])],
  ['noise', 'noise'],
  ['JSON that is no list', Buffer.from('{"a":1}').toString('base64url')],
  ['a token cut short', pageToken(query, ['check', 42]).slice(0, -8)],
  ['nothing but space', ' '],
])('refuses a token of %s', (_name, token) => {
  expect(() => readPageToken(query, token)).toThrow(AppError);
  expect(() => readPageToken(query, token)).toThrow(expect.objectContaining({ reason: 'BAD_PAGE_TOKEN' }));
});
