import { create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '../../../gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../../gen/google/rpc/status_pb.js';
import type { ErrorStatus } from '../../endpoint/error-status.ts';
import { toDuration } from './time.ts';

/** The domain of every ErrorInfo that the server sends. */
export const ERROR_DOMAIN = 'turboci';

/** Errors travel in headers, for which many clients take no more than 8 KiB: long texts are cut, in UTF-16 units. */
const LONGEST_TEXT = 512;
const LARGEST_STATUS_BYTES = 4096;

/** An error as google.rpc.Status in bytes, for the trailer grpc-status-details-bin. */
export function encodeStatus(status: ErrorStatus, code: number): Uint8Array {
  const info = pack(
    ErrorInfoSchema,
    create(ErrorInfoSchema, { reason: status.reason, domain: ERROR_DOMAIN, metadata: shortened(status.metadata) }),
  );
  const message = shorten(status.message);
  const full = toBinary(StatusSchema, create(StatusSchema, { code, message, details: [info, ...specifics(status)] }));
  if (full.byteLength <= LARGEST_STATUS_BYTES) return full;
  return toBinary(StatusSchema, create(StatusSchema, { code, message, details: [info] }));
}

function specifics(status: ErrorStatus): readonly Any[] {
  const details: Any[] = [];
  const description = shorten(status.message);
  const { type, name } = status.resource;
  const subject = shorten(name === '' ? type : `${type}/${name}`);
  switch (status.detail) {
    case 'BAD_REQUEST':
      details.push(
        pack(
          BadRequestSchema,
          create(BadRequestSchema, {
            fieldViolations: status.fields.map((at) => ({
              field: shorten(at.field),
              description: shorten(at.description),
            })),
          }),
        ),
      );
      break;
    case 'PRECONDITION_FAILURE':
      details.push(
        pack(
          PreconditionFailureSchema,
          create(PreconditionFailureSchema, { violations: [{ type: status.reason, subject, description }] }),
        ),
      );
      break;
    case 'QUOTA_FAILURE':
      details.push(pack(QuotaFailureSchema, create(QuotaFailureSchema, { violations: [{ subject, description }] })));
      break;
    case 'RESOURCE_INFO':
      details.push(
        pack(ResourceInfoSchema, create(ResourceInfoSchema, { resourceType: type, resourceName: name, description })),
      );
      break;
    case 'NONE':
      break;
  }
  if (status.retryAfterMs !== undefined) {
    details.push(pack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: toDuration(status.retryAfterMs) })));
  }
  return details;
}

function pack<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value: toBinary(schema, message) });
}

/** Cut where it has to be, with every half of a cut surrogate pair replaced: headers take well-formed text only. */
export function shorten(text: string): string {
  return (text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`).toWellFormed();
}

function shortened(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, shorten(value)]));
}
