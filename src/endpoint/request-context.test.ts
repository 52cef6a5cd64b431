import { expect, test } from 'vitest';
import { AppError } from '../domain/error.ts';
import { silentLogger } from '../platform/logger.ts';
import { type CallFacts, RequestContext } from './request-context.ts';

const facts: CallFacts = {
  method: 'turboci.v1.TurboCIOrchestrator/WriteNodes',
  peer: '127.0.0.1:1',
  deadline: undefined,
  correlationId: undefined,
  traceparent: undefined,
};

const context = (over: Partial<CallFacts>): RequestContext =>
  new RequestContext({ ...facts, ...over }, () => 'made-here', silentLogger);

test("the caller's own name for the call is kept if it can stand in a log", () => {
  expect(context({ correlationId: 'build-17/attempt-2' }).correlationId).toBe('build-17/attempt-2');
  for (const correlationId of [undefined, '', 'two words', 'x'.repeat(129), 'line\nend']) {
    expect(context({ correlationId }).correlationId).toBe('made-here');
  }
});

test('only the first reason to end a call counts', () => {
  const ctx = context({});
  const first = new AppError('DEADLINE_EXCEEDED', 'late');
  ctx.abort(first);
  ctx.abort(new AppError('CALLER_GONE', 'gone'));
  expect(ctx.signal.aborted).toBe(true);
  expect(ctx.signal.reason).toBe(first);
});
