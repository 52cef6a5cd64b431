import type { JsonObject } from '../../domain/json.ts';

/** A value as a JSON column holds it; undefined = NULL. */
export function toJson(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The object in a JSON column. Only this storage writes those, so its shape is not checked again. */
export function fromJson(text: string | null): JsonObject | undefined {
  return text === null ? undefined : JSON.parse(text);
}
