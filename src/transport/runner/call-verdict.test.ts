import { status as grpcStatus, Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { type CallTrace, judge } from './call-verdict.ts';

const opened: CallTrace = { isOpened: true, hasHeaders: false, hasAnswer: false, isLate: false };
const withHeaders = { ...opened, hasHeaders: true };

/** A status as grpc-js makes it by itself, or as it comes behind a runner's headers. */
const bare = (code: grpcStatus, details = '') => ({ code, details, metadata: new Metadata() });

/** A status that is a runner's whole answer. */
function whole(code: grpcStatus, details = '') {
  const metadata = new Metadata();
  metadata.set('content-type', 'application/grpc');
  return { code, details, metadata };
}

const { CANCELLED, DEADLINE_EXCEEDED, OK, RESOURCE_EXHAUSTED, UNAVAILABLE, UNIMPLEMENTED } = grpcStatus;
const REFUSED = 'Stream refused by server';
const CALM = 'Bandwidth exhausted or memory limit exceeded';
const TOO_LARGE = 'Received message larger than max (9 vs 1)';

test.each([
  ['nothing but a stream tells of delivery', bare(DEADLINE_EXCEEDED), { ...opened, isOpened: false }, 'UNDELIVERED'],
  ['a refused stream', bare(UNAVAILABLE, REFUSED), opened, 'UNDELIVERED'],
  ['a refused stream with headers', bare(UNAVAILABLE, REFUSED), withHeaders, 'BROKEN'],
  ['the words of a refused stream', whole(UNAVAILABLE, REFUSED), opened, 'BROKEN'],
  ['another UNAVAILABLE', bare(UNAVAILABLE, 'Connection dropped'), opened, 'BROKEN'],
  ['a busy runner', whole(RESOURCE_EXHAUSTED, 'busy'), opened, 'UNDELIVERED'],
  ['a busy runner with headers', bare(RESOURCE_EXHAUSTED, 'busy'), withHeaders, 'UNDELIVERED'],
  ['a request too large for the runner', whole(RESOURCE_EXHAUSTED, TOO_LARGE), opened, 'UNDELIVERED'],
  ['an answer too large for us', bare(RESOURCE_EXHAUSTED, TOO_LARGE), withHeaders, 'BROKEN'],
  ['ENHANCE_YOUR_CALM', bare(RESOURCE_EXHAUSTED, CALM), opened, 'BROKEN'],
  ['ENHANCE_YOUR_CALM after headers', bare(RESOURCE_EXHAUSTED, CALM), withHeaders, 'BROKEN'],
  ['a refusal behind an answer', bare(RESOURCE_EXHAUSTED), { ...withHeaders, hasAnswer: true }, 'BROKEN'],
  ['no such method', whole(UNIMPLEMENTED), opened, 'UNDELIVERED'],
  ['UNIMPLEMENTED from nowhere', bare(UNIMPLEMENTED), opened, 'BROKEN'],
  ['OK without an answer', bare(OK), withHeaders, 'BROKEN'],
  ["the runner's own deadline", whole(DEADLINE_EXCEEDED), opened, 'TIMED_OUT'],
  ['a reset', bare(CANCELLED, 'Call cancelled'), opened, 'BROKEN'],
  ['a reset at the deadline', bare(CANCELLED, 'Call cancelled'), { ...opened, isLate: true }, 'TIMED_OUT'],
])('%s', (_, status, trace, kind) => {
  expect(judge(status, trace)).toMatchObject({ kind, isUnreachable: !trace.isOpened, code: status.code });
});

test('messages are for people', () => {
  const refused = 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
  expect(judge(bare(UNAVAILABLE, refused), { ...opened, isOpened: false }).message).toBe(
    'no connection: connect ECONNREFUSED 127.0.0.1:1',
  );
  expect(judge(whole(RESOURCE_EXHAUSTED, 'busy'), opened).message).toBe('RESOURCE_EXHAUSTED: busy');
  expect(judge(whole(grpcStatus.INTERNAL), opened).message).toBe('INTERNAL');
  expect(judge({ ...bare(OK), code: Number('99') }, opened).message).toBe('status 99');
});
