import { describe, test } from 'vitest';
import type { WriteInit } from './harness/plan.ts';
import { useServer } from './harness/server.ts';

const server = useServer();

describe('text is bounded: 1 KiB for kinds and reasons, 64 KiB for messages', () => {
  const write = (label: string, message: string): WriteInit => ({
    reason: label,
    checks: [{ id: 'c', kind: label }],
    stages: [{ id: 's', currentAttempt: { processUid: 'p', failure: { message, reason: label } } }],
  });

  test('at the limit', async () => {
    await (await server.plan()).write(write('ü'.repeat(512), 'ü'.repeat(32 * 1024)));
  });

  test.each([
    { field: 'reason', request: { ...write('x', 'x'), reason: 'ü'.repeat(513) } },
    { field: 'checks[0].kind', request: { checks: [{ id: 'c', kind: 'x'.repeat(1025) }] } },
    { field: 'stages[0].current_attempt.failure.message', request: write('x', 'x'.repeat(64 * 1024 + 1)) },
  ])('$field is one beyond', async ({ field, request }) => {
    const plan = await server.plan();
    await plan.refuses(request, { code: 'INVALID_ARGUMENT', reason: 'REQUEST_LIMIT_EXCEEDED', field });
  });
});
