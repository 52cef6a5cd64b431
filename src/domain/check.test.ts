import { expect, it } from 'vitest';
import { attemptOwnerId, parseAttemptOwnerId } from './check.ts';

it.each(['build', 'a:b', 'a/b:3', 'x\u2028y', ':'])('finds stage %j in an owner id', (stageId) => {
  expect(parseAttemptOwnerId(attemptOwnerId(stageId, 12))).toEqual({ stageId, idx: 12 });
});

it.each(['build', 'build:', ':1', 'build:0', 'build:01', 'build:-1', 'build:1.5', 'build:9999999999'])(
  'refuses %j as an owner id of an attempt',
  (ownerId) => {
    expect(parseAttemptOwnerId(ownerId)).toBeUndefined();
  },
);
