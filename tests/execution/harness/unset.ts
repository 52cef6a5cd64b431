import { expect } from 'vitest';

/** Expects fields of a message to be unset, which toMatchObject cannot. */
export function expectUnset<T extends object>(message: T | undefined, ...fields: readonly (keyof T)[]): void {
  expect(message).toBeDefined();
  for (const field of fields) expect(message?.[field], String(field)).toBeUndefined();
}
