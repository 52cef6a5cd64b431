import type { Json, JsonValue } from './state.ts';

/** JSON Merge Patch (RFC 7396) of two objects. */
export function merged(target: Json | undefined, patch: Json): Json {
  const result: Record<string, JsonValue> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = isObject(value) ? merged(objectOr(result[key]), value) : value;
  }
  return result;
}

/** The same, but what stays equal stays as it was: unset, for one. */
export function mergedOrSame(target: Json | undefined, patch: Json): Json | undefined {
  const result = merged(target, patch);
  return equal(result, target ?? {}) ? target : result;
}

/** The same whatever the order of the keys; unset fields do not count. */
export function canonical(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
  return text ?? '';
}

export function equal(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOr(value: unknown): Json | undefined {
  return isObject(value) ? value : undefined;
}
