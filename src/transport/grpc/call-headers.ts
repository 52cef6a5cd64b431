import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { CallFacts } from '../../endpoint/request-context.ts';

/** What a call's headers say of it. */
export function callFacts(path: string, call: ServerInterceptingCallInterface, headers: Metadata): CallFacts {
  const deadline = Number(call.getDeadline());
  return {
    method: path.slice(1),
    peer: call.getPeer(),
    deadline: Number.isFinite(deadline) ? deadline : undefined,
    correlationId: firstText(headers, 'x-request-id'),
    traceparent: firstText(headers, 'traceparent'),
  };
}

function firstText(headers: Metadata, key: string): string | undefined {
  const [value] = headers.get(key);
  return typeof value === 'string' ? value : undefined;
}
