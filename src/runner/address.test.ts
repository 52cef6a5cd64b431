import { expect, test } from 'vitest';
import { advertisedAddress, isCallable } from './address.ts';

test.each([
  ['127.0.0.1:0', '127.0.0.1:7000'],
  ['ci.internal:7000', 'ci.internal:7000'],
  ['[fe80::1]:0', '[fe80::1]:7000'],
  ['0.0.0.0:0', 'here:7000'],
  ['[::]:0', 'here:7000'],
  ['unix:/run/runner.sock', 'unix:/run/runner.sock'],
])('a runner that listens on %s is reached at %s', (listen, expected) => {
  expect(advertisedAddress(listen, 7000, 'here')).toBe(expected);
});

test.each(['127.0.0.1:1', 'ci.internal:1', '[::1]:1', 'unix:/run/server.sock'])('%s can be called', (address) => {
  expect(isCallable(address)).toBe(true);
});

test.each(['', ':50051', '0.0.0.0:50051', '[::]:50051'])('"%s" cannot be called', (address) => {
  expect(isCallable(address)).toBe(false);
});
