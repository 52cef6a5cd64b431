import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type ServiceError, status } from '@grpc/grpc-js';
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type PreconditionFailure,
  PreconditionFailureSchema,
  type QuotaFailure,
  QuotaFailureSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';

/** A refused call as a client sees it, its details taken apart. */
export class RpcError extends Error {
  /** The name of the gRPC code, `INVALID_ARGUMENT`. */
  readonly code: string;
  readonly info: ErrorInfo | undefined;
  readonly badRequest: BadRequest | undefined;
  readonly precondition: PreconditionFailure | undefined;
  readonly quota: QuotaFailure | undefined;
  readonly resource: ResourceInfo | undefined;
  readonly retry: RetryInfo | undefined;

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.name = 'RpcError';
    this.code = status[error.code];
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    const details = bytes instanceof Buffer ? fromBinary(StatusSchema, bytes).details : [];
    this.info = details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((found) => found !== undefined);
    this.badRequest = details.map((any) => anyUnpack(any, BadRequestSchema)).find((found) => found !== undefined);
    this.precondition = details
      .map((any) => anyUnpack(any, PreconditionFailureSchema))
      .find((found) => found !== undefined);
    this.quota = details.map((any) => anyUnpack(any, QuotaFailureSchema)).find((found) => found !== undefined);
    this.resource = details.map((any) => anyUnpack(any, ResourceInfoSchema)).find((found) => found !== undefined);
    this.retry = details.map((any) => anyUnpack(any, RetryInfoSchema)).find((found) => found !== undefined);
  }

  /** ErrorInfo's reason; empty when the error came without one. */
  get reason(): string {
    return this.info?.reason ?? '';
  }

  /** The paths that BadRequest names. */
  get fields(): readonly string[] {
    return (this.badRequest?.fieldViolations ?? []).map((violation) => violation.field);
  }
}

/** The RpcError with which a call fails; a call that succeeds fails the test. */
export async function refusal(call: Promise<unknown>): Promise<RpcError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome === undefined) throw new Error('the call was not refused');
  if (!(outcome instanceof RpcError)) throw outcome;
  return outcome;
}
