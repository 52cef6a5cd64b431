import { z } from 'zod';
import type { JsonObject } from '../../domain/json.ts';
import { jsonFault } from '../../domain/json.ts';
import type { Limits } from '../../domain/limits.ts';
import { type Checked, fault } from './fault.ts';

/** 9999-12-31T23:59:59.999Z, the last time that a Timestamp can carry. */
const LAST_TIME_MS = 253_402_300_799_999;

/** No duration is longer than a hundred years, so that no due time leaves the range of a Timestamp. */
const LONGEST_DURATION_MS = 36_500 * 24 * 3_600_000;

const CONTROL_CHARACTER = /\p{Cc}/u;

/** One of the given values; unknown enum numbers come through the codec as numbers and are named in the error. */
export function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, {
    error: ({ input }) => `must be ${values.join(', ')}, not ${typeof input === 'number' ? `number ${input}` : input}`,
  });
}

/** A field that may be unset. Its type keeps the key, as plain requests do: `T | undefined`, never a missing key. */
export function unset<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.optional();
}

/** Bounds of free text. Reasons stand in every event of a write, so that a long one would multiply. */
const LABEL_BYTES = 1024;
const MESSAGE_BYTES = 64 * 1024;

function textOf(maxBytes: number) {
  return z.string().check((checked) => {
    const { value } = checked;
    if (!value.isWellFormed()) fault(checked, 'must be valid Unicode');
    else if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes) {
      fault(checked, `must have at most ${maxBytes} bytes`, [], 'REQUEST_LIMIT_EXCEEDED');
    }
  });
}

/** A word or line: a kind, a reason. */
export const label = textOf(LABEL_BYTES);

/** What people or programs have to say: a failure's or a progress entry's message. */
export const message = textOf(MESSAGE_BYTES);

/** A count, version or revision that has to be given as zero or more. */
export const naturalNumber = z.number().check((checked) => {
  if (checked.value < 0) fault(checked, 'must not be negative');
  else if (!Number.isSafeInteger(checked.value)) fault(checked, 'must be a whole number below 2^53');
});

/** How far something is; 0 may mean that nobody knows. */
export const percent = z.number().check((checked) => {
  if (!(checked.value >= 0 && checked.value <= 100)) fault(checked, 'must be from 0 to 100');
});

/** Milliseconds since the epoch; NaN is what transports make of a Timestamp that is none. */
export const time = z.number('must be a valid Timestamp: nanos from 0 to 999999999').check((checked) => {
  if (checked.value < 0 || checked.value > LAST_TIME_MS) fault(checked, 'must be between the years 1970 and 9999');
});

const DURATION = 'must be a valid Duration: nanos of less than a second, and of the same sign as its seconds';

/** Milliseconds, zero or more, however many; NaN is what transports make of a Duration that is none. */
export const milliseconds = z.number(DURATION).check((checked) => {
  if (checked.value < 0) fault(checked, 'must not be negative');
});

/** Milliseconds of what is kept. */
export const duration = milliseconds.check((checked) => {
  if (checked.value > LONGEST_DURATION_MS) fault(checked, 'must be at most 36500 days');
});

/** The fields that depend on the configured limits. */
export function limitedFields(limits: Limits) {
  const identifier = (maxBytes: number) =>
    z.string().check((checked) => {
      const wrong = idFault(checked.value, maxBytes);
      if (wrong !== undefined) fault(checked, wrong);
    });
  const id = identifier(limits.idBytes);
  const optionalIdentifier = (maxBytes: number) =>
    z.string().check((checked) => {
      const wrong = checked.value === '' ? undefined : idFault(checked.value, maxBytes);
      if (wrong !== undefined) fault(checked, wrong);
    });
  return {
    /** The name of something: required. */
    id,
    /** A name, or empty for none. */
    optionalId: optionalIdentifier(limits.idBytes),
    /** Names a result's owner; an attempt's is its stage's id with the index behind it. */
    ownerId: identifier(limits.idBytes + ':4294967295'.length),
    requestId: z.string().check((checked) => {
      const { value } = checked;
      if (value.length > limits.requestIdChars) fault(checked, `must have at most ${limits.requestIdChars} characters`);
      else if (value !== '' && idFault(value, value.length * 3) !== undefined) fault(checked, 'must be printable text');
    }),
    idList: z.array(id).check((checked) => {
      if (checked.value.length <= limits.nodesPerWrite) return;
      fault(checked, `must have at most ${limits.nodesPerWrite} entries`, [], 'REQUEST_LIMIT_EXCEEDED');
    }),
    metadata: z.custom<Readonly<Record<string, string>>>().check((checked) => {
      for (const { path, message } of metadataFaults(checked.value, limits)) {
        fault(checked, message, path, 'REQUEST_LIMIT_EXCEEDED');
      }
    }),
    /** A page's size: larger ones than the limit are lowered to it; 0 stays 0. */
    pageSize: naturalNumber.transform((size) => Math.min(size, limits.pageSize)),
    /** Well-formed by what a transport decodes; its depth and its numbers are not. */
    json: z.custom<JsonObject>().check((checked) => {
      const found = jsonFault(checked.value, limits.jsonDepth);
      if (found === 'NO_JSON_NUMBER') fault(checked, 'must not hold NaN or Infinity: JSON has no such numbers');
      if (found !== 'TOO_DEEP') return;
      fault(checked, `must not nest deeper than ${limits.jsonDepth} levels`, [], 'REQUEST_LIMIT_EXCEEDED');
    }),
  };
}

/** What is wrong with an identifier, or undefined. */
function idFault(value: string, maxBytes: number): string | undefined {
  if (value === '') return 'must not be empty';
  // A UTF-16 unit takes at most three bytes of UTF-8, so most ids need no counting.
  if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes) return `must have at most ${maxBytes} bytes`;
  if (!value.isWellFormed()) return 'must be valid Unicode';
  return CONTROL_CHARACTER.test(value) ? 'must not contain control characters' : undefined;
}

type MetadataFault = { readonly path: readonly string[]; readonly message: string };

function metadataFaults(metadata: Readonly<Record<string, string>>, limits: Limits): readonly MetadataFault[] {
  const pairs = Object.entries(metadata);
  if (pairs.length > limits.metadataPairs)
    return [{ path: [], message: `must have at most ${limits.metadataPairs} pairs` }];
  return pairs.flatMap(([key, value]): MetadataFault[] => {
    if (Buffer.byteLength(key) > limits.metadataKeyBytes) {
      return [{ path: [], message: `keys must have at most ${limits.metadataKeyBytes} bytes` }];
    }
    if (Buffer.byteLength(value) > limits.metadataValueBytes) {
      return [{ path: [key], message: `must have at most ${limits.metadataValueBytes} bytes` }];
    }
    return [];
  });
}

/** The fields of a node that carry JSON, by where they stand in its write. */
export type JsonPart = { readonly path: readonly string[]; readonly value: JsonObject | undefined };

/** The part with which a node's JSON gets larger than `maxBytes` (as UTF-8 text, all parts together), or undefined. */
export function oversizedJson(parts: readonly JsonPart[], maxBytes: number): JsonPart | undefined {
  let bytes = 0;
  return parts.find(({ value }) => {
    if (value !== undefined) bytes += Buffer.byteLength(JSON.stringify(value));
    return bytes > maxBytes;
  });
}

/** Notes that the JSON in one field is larger than that of a node may be. */
export function checkJsonSize<K extends string>(
  checked: Checked<{ readonly [key in K]?: JsonObject | undefined }>,
  field: K,
  { jsonBytes }: Limits,
): void {
  if (oversizedJson([{ path: [field], value: checked.value[field] }], jsonBytes) === undefined) return;
  fault(checked, `must have at most ${jsonBytes} bytes of JSON`, [field], 'REQUEST_LIMIT_EXCEEDED');
}
