import { status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import type { CallFailure } from '../../endpoint/runner-calls.ts';

/** A call without an answer. */
export type FailedCall = CallFailure & {
  readonly code: grpcStatus;
  /** True = no connection could be made. */
  readonly isUnreachable: boolean;
};

/** What was seen of a call before its status. */
export type CallTrace = {
  /** Whether it got a stream on a connection. */
  readonly isOpened: boolean;
  /** Whether the runner has sent headers, apart from those that are its whole answer. */
  readonly hasHeaders: boolean;
  readonly hasAnswer: boolean;
  readonly isLate: boolean;
};

/**
 * What a status says of the delivery of a request. grpc-js gives statuses of its own the same form as those that runners
 * sent, and the two mean different things; what tells them apart is pinned to the installed version by tests.
 *
 * UNDELIVERED needs proof that the runner has begun nothing:
 * - the call never got a stream on a connection;
 * - the stream was reset with REFUSED_STREAM before anything came back, or its number was above the last that a GOAWAY
 *   named, which nghttp2 reports alike (RFC 9113, sections 6.8 and 8.7);
 * - the runner itself answered UNIMPLEMENTED or RESOURCE_EXHAUSTED. RESOURCE_EXHAUSTED is also what grpc-js makes of
 *   ENHANCE_YOUR_CALM, with which a connection is cut in the middle of its calls, and of an answer that is too large.
 */
export function judge(status: StatusObject, trace: CallTrace): FailedCall {
  const { code } = status;
  const failed = (kind: CallFailure['kind'], message: string): FailedCall => ({
    kind,
    message,
    code,
    isUnreachable: !trace.isOpened,
  });
  if (!trace.isOpened) return failed('UNDELIVERED', `no connection: ${connectFault(status.details)}`);
  if (isRefusedStream(status, trace)) return failed('UNDELIVERED', 'the runner refused the stream');
  const message = textOf(status);
  if (code === grpcStatus.UNIMPLEMENTED || code === grpcStatus.RESOURCE_EXHAUSTED) {
    return failed(isRunnersWord(status, trace) ? 'UNDELIVERED' : 'BROKEN', message);
  }
  if (code === grpcStatus.OK) return failed('BROKEN', 'the runner answered OK without a message');
  // Runners whose own timer is as fast as ours reset the stream.
  const isTimeout = code === grpcStatus.DEADLINE_EXCEEDED || (code === grpcStatus.CANCELLED && trace.isLate);
  return failed(isTimeout ? 'TIMED_OUT' : 'BROKEN', message);
}

function textOf({ code, details }: StatusObject): string {
  const name = grpcStatus[code] ?? `status ${code}`;
  return details === '' ? name : `${name}: ${details}`;
}

/** Words of grpc-js; a runner that sent the same as its status would have sent headers with it. */
const REFUSED_STREAM = 'Stream refused by server';

function isRefusedStream(status: StatusObject, trace: CallTrace): boolean {
  if (status.code !== grpcStatus.UNAVAILABLE || status.details !== REFUSED_STREAM) return false;
  return !trace.hasHeaders && !cameWithHeaders(status);
}

/** What grpc-js says of ENHANCE_YOUR_CALM, and of answers that are too large as they are or once decompressed. */
const OWN_EXHAUSTION =
  /^(Bandwidth exhausted or memory limit exceeded$|Received message (larger than|that decompresses))/;

function isRunnersWord(status: StatusObject, trace: CallTrace): boolean {
  if (!trace.hasHeaders) return cameWithHeaders(status);
  return !trace.hasAnswer && !OWN_EXHAUSTION.test(status.details);
}

/** A status that is the whole answer carries the headers of one, at least content-type. */
function cameWithHeaders({ metadata }: StatusObject): boolean {
  return Object.keys(metadata.getMap()).length > 0;
}

/** The operating system's word, out of what grpc-js puts around it. */
function connectFault(details: string): string {
  return /^No connection established\. Last error: (?:Error: )?(.+?)\. Resolution note:/s.exec(details)?.[1] ?? details;
}
