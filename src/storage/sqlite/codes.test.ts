import { expect, it } from 'vitest';
import { Codes } from './codes.ts';

const codes = new Codes(['A', 'B'], { A: 1, B: 2 });

it('gives every word back, and nothing for nothing', () => {
  expect([codes.decode(codes.encode('A')), codes.decode(codes.encode('B'))]).toEqual(['A', 'B']);
  expect(codes.encodeOptional(undefined)).toBeNull();
  expect(codes.decodeOptional(null)).toBeUndefined();
  expect(codes.decodeOptional(codes.encodeOptional('B'))).toBe('B');
});

it('refuses a code that no word has', () => {
  expect(() => codes.decode(3)).toThrow('unknown code 3');
});
