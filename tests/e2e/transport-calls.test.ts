import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { GetWorkPlanRequestSchema } from '../../gen/turboci/v1/workplan_pb.js';
import { AppError } from '../../src/domain/error.ts';
import type { LogFields, Logger } from '../../src/domain/logger.ts';
import type { CallContext } from '../../src/service/orchestrator.ts';
import { pathOf, turboci } from '../support/client.ts';
import { fakeOrchestrator, plan, untilAborted } from '../support/fake-orchestrator.ts';
import { startGrpc, type TestServerOptions } from '../support/grpc-test-server.ts';
import { closed, frame, Http2Peer } from '../support/http2-peer.ts';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';

/** A server whose GetWorkPlan waits for the end of the call; `reason` is why it ended. */
async function patientServer(options: TestServerOptions = {}) {
  const contexts: CallContext[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      getWorkPlan: (ctx) => {
        contexts.push(ctx);
        return untilAborted(ctx.signal);
      },
      runStage: (ctx) => {
        contexts.push(ctx);
        return untilAborted(ctx.signal);
      },
    }),
    options,
  );
  const reason = async (): Promise<string> => {
    const ctx = await waitFor('the call', () => contexts[0]);
    await waitFor('the end of the call', () => ctx.signal.aborted);
    return ctx.signal.reason instanceof AppError ? ctx.signal.reason.reason : String(ctx.signal.reason);
  };
  return { server, contexts, reason };
}

test("the caller's deadline aborts the call", async () => {
  const { server, reason } = await patientServer();
  const error = await refusal(turboci(server.client()).getWorkPlan({ id: 'p' }, { deadline: Date.now() + 300 }));
  expect(error.code).toBe('DEADLINE_EXCEEDED');
  // At its deadline the client gives up too, and its word may come before the server's own timer.
  expect(['DEADLINE_EXCEEDED', 'CALLER_GONE']).toContain(await reason());
});

test('a call without a deadline gets the default one, with details', async () => {
  const { server, reason } = await patientServer({ defaultDeadlineMs: 50 });
  const error = await refusal(turboci(server.client()).getWorkPlan({ id: 'p' }));
  expect([error.code, error.reason]).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  expect(await reason()).toBe('DEADLINE_EXCEEDED');
});

test.each([
  TurboCIOrchestrator.method.createWorkPlan,
  TurboCIOrchestrator.method.watchWorkPlan,
  TurboCIExecutor.method.runStage,
])('a call whose request never comes ends at the default deadline: $name', async (method) => {
  const server = await startGrpc(fakeOrchestrator({}), {
    defaultDeadlineMs: 50,
    grace: { errorMs: 50, answerMs: 60_000 },
  });
  const peer = await Http2Peer.connect(server.port);
  const silent = peer.open(pathOf(method));
  const answer = new Promise<unknown>((resolve) => silent.once('response', resolve));
  const ended = closed(silent);
  silent.resume();
  // DEADLINE_EXCEEDED
  expect(await within('the answer', answer)).toMatchObject({ 'grpc-status': '4' });
  await within('the end of the stream, which the peer leaves open', ended);
});

test('RunStage has no default deadline', async () => {
  const { server, contexts } = await patientServer({ defaultDeadlineMs: 1 });
  const caller = new AbortController();
  const call = refusal(
    turboci(server.client()).runStage({ workPlanId: 'p', stageId: 's', wait: true }, { signal: caller.signal }),
  );
  const ctx = await waitFor('the call', () => contexts[0]);
  // A call that has the deadline of 1 ms comes later and is over before.
  await refusal(turboci(server.client()).getWorkPlan({ id: 'p' }));
  expect(ctx.signal.aborted).toBe(false);
  caller.abort();
  expect((await call).code).toBe('CANCELLED');
});

test('a caller that cancels aborts the call', async () => {
  const { server, contexts, reason } = await patientServer();
  const caller = new AbortController();
  const call = refusal(turboci(server.client()).getWorkPlan({ id: 'p' }, { signal: caller.signal }));
  await waitFor('the call', () => contexts[0]);
  caller.abort();
  expect((await call).code).toBe('CANCELLED');
  expect(await reason()).toBe('CALLER_GONE');
});

test('a connection that breaks aborts its calls', async () => {
  const { server, contexts, reason } = await patientServer();
  const peer = await Http2Peer.connect(server.port);
  const request = toBinary(GetWorkPlanRequestSchema, create(GetWorkPlanRequestSchema, { id: 'p' }));
  peer.open(pathOf(TurboCIOrchestrator.method.getWorkPlan)).end(frame(Buffer.from(request)));
  await waitFor('the call', () => contexts[0]);
  peer.session.destroy();
  expect(await reason()).toBe('CALLER_GONE');
});

test('an answer above the limit is RESOURCE_EXHAUSTED and says so', async () => {
  const server = await startGrpc(
    fakeOrchestrator({ getWorkPlan: async () => plan('p', { cancelReason: 'x'.repeat(2000) }) }),
    { grpc: { maxSendBytes: 1000 } },
  );
  const error = await refusal(turboci(server.client()).getWorkPlan({ id: 'p' }));
  expect([error.code, error.reason]).toEqual(['RESOURCE_EXHAUSTED', 'MESSAGE_TOO_LARGE']);
});

test('a thousand calls on one connection are answered, each with its own', async () => {
  const server = await startGrpc(fakeOrchestrator({ getWorkPlan: async (_, { id }) => plan(id) }));
  const client = turboci(server.client());
  const ids = Array.from({ length: 1000 }, (_, at) => `plan-${at}`);
  const answers = await within('all answers', Promise.all(ids.map((id) => client.getWorkPlan({ id }))));
  expect(answers.map((answer) => answer.workPlan?.id)).toEqual(ids);
});

test('with debug on, a call is one line of the log, with its names in trace and log', async () => {
  const lines: { readonly fields: LogFields; readonly message: string }[] = [];
  const server = await startGrpc(fakeOrchestrator({ getWorkPlan: async (_, { id }) => plan(id) }), {
    log: recordingLog(lines),
  });
  const client = turboci(server.client());
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'x-request-id': 'build-17' };
  await client.getWorkPlan({ id: 'p' }, { headers });
  await refusal(client.getWorkPlan({ id: '' }, { headers }));
  const names = { method: 'turboci.v1.TurboCIOrchestrator/GetWorkPlan', correlation_id: 'build-17', trace_id: traceId };
  expect(lines).toMatchObject([
    { message: 'call', fields: { ...names, code: 'OK' } },
    { message: 'call', fields: { ...names, code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' } },
  ]);
});

function recordingLog(lines: { readonly fields: LogFields; readonly message: string }[], own: LogFields = {}): Logger {
  const record = (fields: LogFields, message: string): void =>
    void lines.push({ fields: { ...own, ...fields }, message });
  return {
    ...{ debug: record, info: record, warn: record, error: record, fatal: record },
    isLevelEnabled: () => true,
    child: (fields) => recordingLog(lines, { ...own, ...fields }),
  };
}

test('a connection that has reached its age is replaced, and no call is lost', async () => {
  const server = await startGrpc(fakeOrchestrator({ getWorkPlan: async (_, { id }) => plan(id) }), {
    grpc: { maxConnectionAgeMs: 200 },
  });
  const peer = await Http2Peer.connect(server.port);
  const client = turboci(server.client());
  let calls = 0;
  await waitFor('the end of the old connection', async () => {
    await client.getWorkPlan({ id: 'p' });
    calls += 1;
    return peer.session.closed || peer.session.destroyed;
  });
  expect(calls).toBeGreaterThan(1);
});
