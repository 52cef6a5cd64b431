import { status as grpcStatus, Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { AppError } from '../../domain/error.ts';
import { type StatusCode, toErrorStatus } from '../../endpoint/error-status.ts';
import { encodeStatus, shorten } from '../codec/status.ts';

/** What grpc-js takes as the end of a call. */
export type GrpcStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

const codes: Readonly<Record<StatusCode, grpcStatus>> = {
  CANCELLED: grpcStatus.CANCELLED,
  INVALID_ARGUMENT: grpcStatus.INVALID_ARGUMENT,
  DEADLINE_EXCEEDED: grpcStatus.DEADLINE_EXCEEDED,
  NOT_FOUND: grpcStatus.NOT_FOUND,
  ALREADY_EXISTS: grpcStatus.ALREADY_EXISTS,
  RESOURCE_EXHAUSTED: grpcStatus.RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION: grpcStatus.FAILED_PRECONDITION,
  ABORTED: grpcStatus.ABORTED,
  UNIMPLEMENTED: grpcStatus.UNIMPLEMENTED,
  INTERNAL: grpcStatus.INTERNAL,
  UNAVAILABLE: grpcStatus.UNAVAILABLE,
};

/** The trailer for google.rpc.Status, by the convention of all gRPC libraries. */
const DETAILS_KEY = 'grpc-status-details-bin';

export const okStatus: GrpcStatus = { code: grpcStatus.OK, details: 'OK' };

/** An error as the end of a call, details included. */
export function toGrpcStatus(error: AppError): GrpcStatus {
  const errorStatus = toErrorStatus(error);
  const code = codes[errorStatus.code];
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(encodeStatus(errorStatus, code)));
  return { code, details: shorten(errorStatus.message), metadata };
}

/**
 * A status that grpc-js made by itself, in our words. Those for which the contract has no reason, such as
 * reflection's, stay as they are.
 */
export function explained(status: GrpcStatus): GrpcStatus {
  if (status.code === grpcStatus.OK || (status.metadata?.get(DETAILS_KEY).length ?? 0) > 0) return status;
  const reason = reasonOf(status);
  return reason === undefined ? status : toGrpcStatus(new AppError(reason, status.details));
}

function reasonOf({ code, details }: GrpcStatus): AppError['reason'] | undefined {
  switch (code) {
    case grpcStatus.RESOURCE_EXHAUSTED:
      return 'MESSAGE_TOO_LARGE';
    case grpcStatus.UNIMPLEMENTED:
      return 'NOT_IMPLEMENTED';
    case grpcStatus.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    case grpcStatus.INTERNAL:
      // What it calls INTERNAL is mostly the caller's fault.
      return /^(Failed to decompress|Invalid grpc-timeout|Error deserializing)/.test(details)
        ? 'MALFORMED_MESSAGE'
        : 'INTERNAL';
    default:
      return undefined;
  }
}
