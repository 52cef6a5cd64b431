import { expect, test } from 'vitest';
import { AppError, type ErrorReason } from '../../src/domain/error.ts';
import type { Logger } from '../../src/domain/logger.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { turboci } from '../support/client.ts';
import { fakeOrchestrator, plan } from '../support/fake-orchestrator.ts';
import { startGrpc } from '../support/grpc-test-server.ts';
import { refusal } from '../support/rpc-error.ts';
import { within } from '../support/wait-for.ts';

/** Written from semantics.md, section 10, not from the code's own table. */
const codes: Readonly<Record<ErrorReason, string>> = {
  WORK_PLAN_NOT_FOUND: 'NOT_FOUND',
  CHECK_NOT_FOUND: 'NOT_FOUND',
  STAGE_NOT_FOUND: 'NOT_FOUND',
  EXECUTION_NOT_FOUND: 'NOT_FOUND',
  REGISTRATION_NOT_FOUND: 'NOT_FOUND',
  SERVICE_NOT_FOUND: 'NOT_FOUND',
  MALFORMED_MESSAGE: 'INVALID_ARGUMENT',
  INVALID_FIELD: 'INVALID_ARGUMENT',
  REQUEST_LIMIT_EXCEEDED: 'INVALID_ARGUMENT',
  DUPLICATE_NODE: 'INVALID_ARGUMENT',
  UNKNOWN_TARGET: 'INVALID_ARGUMENT',
  DEPENDENCY_CYCLE: 'INVALID_ARGUMENT',
  PROCESS_UID_REQUIRED: 'INVALID_ARGUMENT',
  UNKNOWN_EXECUTOR: 'INVALID_ARGUMENT',
  BAD_PAGE_TOKEN: 'INVALID_ARGUMENT',
  ILLEGAL_TRANSITION: 'FAILED_PRECONDITION',
  IMMUTABLE_FIELD: 'FAILED_PRECONDITION',
  NODE_FINAL: 'FAILED_PRECONDITION',
  DEPENDENCIES_OPEN: 'FAILED_PRECONDITION',
  RESULT_NOT_ACCEPTED: 'FAILED_PRECONDITION',
  RESULT_FINALIZED: 'FAILED_PRECONDITION',
  ATTEMPT_CLAIMED: 'FAILED_PRECONDITION',
  STALE_ATTEMPT: 'FAILED_PRECONDITION',
  NO_LIVE_ATTEMPT: 'FAILED_PRECONDITION',
  EXECUTION_ENDED: 'FAILED_PRECONDITION',
  EXECUTOR_DISABLED: 'FAILED_PRECONDITION',
  NOT_RUNNABLE: 'FAILED_PRECONDITION',
  VERSION_MISMATCH: 'ABORTED',
  REQUEST_ID_REUSED: 'ALREADY_EXISTS',
  IDEMPOTENCY_KEY_REUSED: 'ALREADY_EXISTS',
  MESSAGE_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  PLAN_NODES_LIMIT: 'RESOURCE_EXHAUSTED',
  RESULTS_LIMIT: 'RESOURCE_EXHAUSTED',
  PROGRESS_LIMIT: 'RESOURCE_EXHAUSTED',
  JSON_SIZE_LIMIT: 'RESOURCE_EXHAUSTED',
  WRITE_QUEUE_FULL: 'RESOURCE_EXHAUSTED',
  WATCHERS_LIMIT: 'RESOURCE_EXHAUSTED',
  RUNNERS_LIMIT: 'RESOURCE_EXHAUSTED',
  PULLERS_LIMIT: 'RESOURCE_EXHAUSTED',
  WATCHER_TOO_SLOW: 'RESOURCE_EXHAUSTED',
  DRAINING: 'UNAVAILABLE',
  STORAGE_UNAVAILABLE: 'UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CALLER_GONE: 'CANCELLED',
  NOT_IMPLEMENTED: 'UNIMPLEMENTED',
  INTERNAL: 'INTERNAL',
};

const reasons = Object.keys(codes).filter((reason): reason is ErrorReason => Object.hasOwn(codes, reason));

async function refusedWith(error: unknown, log: Logger = silentLogger) {
  const server = await startGrpc(
    fakeOrchestrator({
      getWorkPlan: async () => {
        throw error;
      },
    }),
    { log },
  );
  return refusal(turboci(server.client()).getWorkPlan({ id: 'p' }));
}

test.each(reasons)('%s has its code and details', async (reason) => {
  const error = await refusedWith(
    new AppError(reason, 'what was wrong', {
      metadata: { resource_type: 'stage', resource_name: 'build', expected: '3' },
      fields: [{ path: ['stages', 3, 'dependencies', 'groups', 0, 'threshold'], message: 'too high' }],
    }),
  );
  expect(error.code).toBe(codes[reason]);
  expect(error.message).toBe('what was wrong');
  expect(error.info).toMatchObject({ reason, domain: 'turboci', metadata: { expected: '3' } });
  if (error.code === 'INVALID_ARGUMENT') expect(error.fields).toEqual(['stages[3].dependencies.groups[0].threshold']);
  if (error.code === 'NOT_FOUND') {
    expect(error.resource).toMatchObject({ resourceType: 'stage', resourceName: 'build' });
  }
  if (error.code === 'FAILED_PRECONDITION') {
    expect(error.precondition?.violations).toMatchObject([{ type: reason, subject: 'stage/build' }]);
  }
  if (error.code === 'RESOURCE_EXHAUSTED') expect(error.quota?.violations).toHaveLength(1);
  if (error.code === 'UNAVAILABLE') expect(error.retry?.retryDelay).toBeDefined();
});

test('an error says when to come again', async () => {
  const error = await refusedWith(new AppError('WRITE_QUEUE_FULL', 'busy', { retryAfterMs: 1500 }));
  expect(error.retry?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
});

test('an error that nobody foresaw shows an incident id, and the rest goes to the log only', async () => {
  const lines: { readonly fields: Readonly<Record<string, unknown>>; readonly message: string }[] = [];
  const log: Logger = {
    ...{ debug: () => {}, info: () => {}, warn: () => {}, fatal: () => {}, isLevelEnabled: () => false },
    error: (fields, message) => lines.push({ fields, message }),
    child: () => log,
  };
  const error = await refusedWith(new Error('the secret of the house'), log);
  expect(error.code).toBe('INTERNAL');
  expect(error.message).not.toContain('secret');
  expect(error.reason).toBe('INTERNAL');
  const incident = error.info?.metadata.incident;
  expect(error.message).toContain(incident);
  expect(lines).toMatchObject([{ fields: { incident, err: { message: 'the secret of the house' } } }]);
});

test.each([
  ['a very long text', 'x'.repeat(100_000)],
  ['text outside of ASCII', 'schön 漢字 🚀'.repeat(1000)],
  ['half a surrogate pair', `a${'\ud83d'}b`],
  ['line ends', 'a\r\nb: c\0d'],
])('%s in a message breaks no header and no server', async (_, text) => {
  const server = await startGrpc(
    fakeOrchestrator({
      getWorkPlan: async () => {
        const fields = Array.from({ length: 10 }, (__, at) => ({ path: ['stages', at, text], message: text }));
        throw new AppError('INVALID_FIELD', text, { fields, metadata: { text } });
      },
      createWorkPlan: async () => plan('fine'),
    }),
  );
  const client = turboci(server.client());
  const error = await refusal(client.getWorkPlan({ id: 'p' }));
  expect(error.code).toBe('INVALID_ARGUMENT');
  expect(error.reason).toBe('INVALID_FIELD');
  expect(error.message.slice(0, 1)).toBe(text.slice(0, 1));
  expect((await client.createWorkPlan({})).workPlan?.id).toBe('fine');
});

test.each([
  '/turboci.v1.TurboCIOrchestrator/Frobnicate',
  '/no.such.Service/At/All',
  '/grpc.health.v1.Health/',
  '/grpc.health.v1.Health/Check?x',
  '/grpc.reflection.v1.ServerReflection/Nothing',
  '/grpc.reflection.v1alpha.Nothing/Nothing',
])('the unknown method %s is UNIMPLEMENTED, in our words', async (path) => {
  const server = await startGrpc(fakeOrchestrator({}));
  const error = await within('the refusal', refusal(server.client().callRaw(path, new Uint8Array())));
  expect([error.code, error.reason]).toEqual(['UNIMPLEMENTED', 'NOT_IMPLEMENTED']);
});
