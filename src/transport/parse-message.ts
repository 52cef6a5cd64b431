import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { AppError } from '../domain/error.ts';

/**
 * How deep messages may nest, so that none can exhaust the stack. JSON of the greatest depth that is accepted (each level
 * is a Struct or ListValue with its Value and map entry) stays well below.
 */
const DEEPEST_MESSAGE = 400;

const parseOptions = { readUnknownFields: false, recursionLimit: DEEPEST_MESSAGE } as const;

/** Decodes what a peer sent; throws AppError if it is no such message. */
export function parseMessage<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes, parseOptions);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    throw new AppError('MALFORMED_MESSAGE', `the message is not a valid ${schema.typeName}: ${why}`, {
      fields: [{ path: [], message: why }],
    });
  }
}
