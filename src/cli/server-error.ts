import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type Metadata, status } from '@grpc/grpc-js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { CliError, type ErrorDetail } from './cli-error.ts';
import { type ExitCode, exitCode } from './exit-code.ts';

type GrpcError = { readonly code: number; readonly details: string; readonly metadata?: Metadata };

/** What went wrong in a call, in the server's words: its reason, the fields it names, and what to do about it. */
export function serverError(error: unknown, address: string): Error {
  if (!isGrpcError(error)) return error instanceof Error ? error : new Error(String(error));
  const details = statusOf(error);
  const info = detail(details, ErrorInfoSchema)[0];
  const reason = info?.reason ?? status[error.code] ?? 'UNKNOWN';
  const unreachable = error.code === status.UNAVAILABLE && info === undefined;
  const remedy = unreachable ? remedyOf('UNREACHABLE') : remedyOf(reason);
  return new CliError(unreachable ? `no server answers at ${address}` : error.details, {
    exitCode: exitCodeOf(error.code),
    reason,
    details: unreachable ? [] : placesOf(details),
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  });
}

function isGrpcError(error: unknown): error is GrpcError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'number' &&
    'details' in error &&
    typeof error.details === 'string'
  );
}

function statusOf(error: GrpcError): Status | undefined {
  const bytes = error.metadata?.get('grpc-status-details-bin')[0];
  if (!(bytes instanceof Uint8Array)) return undefined;
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    // A proxy may have mangled it; the code and the message still say what matters.
    return undefined;
  }
}

function detail<D extends DescMessage>(from: Status | undefined, schema: D): readonly MessageShape<D>[] {
  return (from?.details ?? []).flatMap((any) => anyUnpack(any, schema) ?? []);
}

function placesOf(details: Status | undefined): readonly ErrorDetail[] {
  return [
    ...detail(details, BadRequestSchema).flatMap(({ fieldViolations }) =>
      fieldViolations.map(({ field, description }) => ({ path: field, message: description })),
    ),
    ...detail(details, PreconditionFailureSchema).flatMap(({ violations }) =>
      violations.map(({ subject, description }) => ({ path: subject, message: description })),
    ),
    ...detail(details, QuotaFailureSchema).flatMap(({ violations }) =>
      violations.map(({ subject, description }) => ({ path: subject, message: description })),
    ),
  ];
}

function exitCodeOf(code: number): ExitCode {
  switch (code) {
    case status.INVALID_ARGUMENT:
      return exitCode.usage;
    case status.NOT_FOUND:
      return exitCode.notFound;
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
      return exitCode.unavailable;
    case status.INTERNAL:
    case status.UNKNOWN:
      return exitCode.internal;
    default:
      return exitCode.refused;
  }
}

function remedyOf(reason: string): string | undefined {
  switch (reason) {
    case 'UNREACHABLE':
      return 'start one with `turboci serve`, or name another with --server or TURBOCI_SERVER';
    case 'WORK_PLAN_NOT_FOUND':
      return 'see the plans there are with `turboci list`';
    case 'EXECUTOR_DISABLED':
      return 'start the server with TURBOCI_PROCESS_EXECUTOR=on, or leave --server out to run the plan on this machine';
    case 'STALE_ATTEMPT':
    case 'NO_LIVE_ATTEMPT':
      return 'the attempt in whose name this was written has ended; nothing was written';
    case 'DRAINING':
    case 'STORAGE_UNAVAILABLE':
    case 'WRITE_QUEUE_FULL':
      return 'try again in a moment';
    case 'DEADLINE_EXCEEDED':
      return 'the server took too long to answer; it may be overloaded';
    case 'UNIMPLEMENTED':
      return 'the server at this address does not speak this version of turboci.v1';
    default:
      return undefined;
  }
}
