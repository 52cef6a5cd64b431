import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { QueryNodesResponseSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { ShownCheck } from './check.ts';
import { encodeQueryNodes } from './nodes.ts';

const check: ShownCheck = {
  planId: 'plan',
  id: 'check',
  state: 'PLANNED',
  kind: '',
  outcome: undefined,
  version: 1,
  revision: 2,
  createdAt: 3,
  updatedAt: 4,
  options: { a: 1 },
  dependencies: undefined,
  results: [],
};

const checks = (count: number): readonly ShownCheck[] =>
  Array.from({ length: count }, (_, at) => ({ ...check, id: `c${at}` }));

test.each([0, 1, 1000, 1001, 2500])('an answer of %d nodes is whole when its parts are put together', (count) => {
  const parts = [...encodeQueryNodes({ checks: checks(count), stages: [], revision: 7, nextPageToken: 'next' })].map(
    (part) => toBinary(QueryNodesResponseSchema, part),
  );
  expect(parts).toHaveLength(Math.max(1, Math.ceil(count / 1000)));
  const whole = fromBinary(QueryNodesResponseSchema, Buffer.concat(parts));
  expect(whole.revision).toBe(7n);
  expect(whole.nextPageToken).toBe('next');
  expect(whole.checks.map(({ id }) => id)).toEqual(checks(count).map(({ id }) => id));
});
