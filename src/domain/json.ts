/** A JSON value as clients send it in `google.protobuf.Struct` fields. Treated as immutable everywhere. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object: options, args, details and result data. */
export type JsonObject = { [key: string]: JsonValue };

/** True for objects, false for arrays, null and scalars. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * JSON Merge Patch (RFC 7396, section 2) on objects: keys of `patch` replace those of `target`, objects merge, null
 * removes a key. Neither input is changed. Recursion is bounded by the JSON depth limit of a request.
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      merged.delete(key);
    } else if (isJsonObject(value)) {
      const base = merged.get(key);
      merged.set(key, mergePatch(isJsonObject(base) ? base : {}, value));
    } else {
      merged.set(key, value);
    }
  }
  // fromEntries defines own properties, so a key such as "__proto__" stays data.
  return Object.fromEntries(merged);
}

/** Structural equality; the order of object keys does not matter. */
export function jsonEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]))
  );
}

/** What keeps a value from being stored as JSON. */
export type JsonFault = 'TOO_DEEP' | 'NO_JSON_NUMBER';

/**
 * Looks for objects and lists that nest deeper than `limit` (the top level counts as 1) and for numbers that JSON lacks
 * (NaN, Infinity). Iterative: callers choose the depth.
 */
export function jsonFault(value: JsonValue, limit: number): JsonFault | undefined {
  const open: { readonly value: JsonValue; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next.value === 'number' && !Number.isFinite(next.value)) return 'NO_JSON_NUMBER';
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth > limit) return 'TOO_DEEP';
    for (const child of Object.values(next.value)) open.push({ value: child, depth: next.depth + 1 });
  }
  return undefined;
}

/** What stands before each string, number, key and container at most: field numbers, lengths, a double. */
const HEADER_BYTES = 18;

/**
 * An upper bound of the bytes of a JSON value as a google.protobuf.Value, which may be many times those of its text: a
 * number alone takes 11 in a list. For values of any depth that is accepted.
 */
export function encodedBytes(value: JsonValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + HEADER_BYTES;
  if (value === null || typeof value !== 'object') return HEADER_BYTES;
  let bytes = HEADER_BYTES;
  if (Array.isArray(value)) {
    for (const item of value) bytes += encodedBytes(item);
    return bytes;
  }
  for (const [key, item] of Object.entries(value)) bytes += Buffer.byteLength(key) + HEADER_BYTES + encodedBytes(item);
  return bytes;
}
