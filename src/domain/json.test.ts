import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonObject, type JsonValue, jsonEqual, jsonFault, mergePatch } from './json.ts';

describe('mergePatch', () => {
  // The examples of RFC 7396, appendix A, whose target and patch are objects.
  const cases: readonly (readonly [JsonObject, JsonObject, JsonObject])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: 'text' }, { a: { b: 1 } }, { a: { b: 1 } }],
  ];
  it.each(cases)('%j patched with %j is %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  it('changes neither input', () => {
    const target = { a: { b: 1 } };
    mergePatch(target, { a: { b: null, c: 2 } });
    expect(target).toEqual({ a: { b: 1 } });
  });

  it('keeps a key named __proto__ as data', () => {
    const patch: JsonValue = JSON.parse('{"__proto__": {"polluted": true}}');
    const merged = mergePatch({}, patch as JsonObject);
    expect(Object.hasOwn(merged, '__proto__')).toBe(true);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('jsonEqual', () => {
  it('ignores the order of keys, not that of items', () => {
    expect(jsonEqual({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
    expect(jsonEqual([1, 2], [2, 1])).toBe(false);
    expect(jsonEqual({ a: null }, {})).toBe(false);
    expect(jsonEqual({ a: undefined } as unknown as JsonObject, { b: 1 })).toBe(false);
  });

  it('agrees with the text of a canonical form', () => {
    const canonical = (value: JsonValue): string =>
      JSON.stringify(value, (_key, item: unknown) =>
        typeof item === 'object' && item !== null && !Array.isArray(item)
          ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
          : item,
      );
    const values = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
    fc.assert(fc.property(values, values, (a, b) => jsonEqual(a, b) === (canonical(a) === canonical(b))));
    fc.assert(fc.property(values, (a) => jsonEqual(a, JSON.parse(JSON.stringify(a)) as JsonValue)));
  });
});

describe('jsonFault', () => {
  const nested = (depth: number): JsonValue => {
    let value: JsonValue = {};
    for (let level = 1; level < depth; level++) value = level % 2 ? { value } : [value];
    return value;
  };

  it('counts objects and lists, the top level as 1', () => {
    expect(jsonFault(1, 0)).toBeUndefined();
    expect(jsonFault({ a: 1 }, 1)).toBeUndefined();
    expect(jsonFault({ a: [] }, 1)).toBe('TOO_DEEP');
    expect(jsonFault(nested(64), 64)).toBeUndefined();
    expect(jsonFault(nested(65), 64)).toBe('TOO_DEEP');
  });

  it('survives a depth that no stack would', () => {
    expect(jsonFault(nested(1_000_000), 64)).toBe('TOO_DEEP');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('finds %d anywhere', (number) => {
    expect(jsonFault({ a: [{ b: number }] }, 64)).toBe('NO_JSON_NUMBER');
    expect(jsonFault({ a: [{ b: 1e308 }] }, 64)).toBeUndefined();
  });
});
