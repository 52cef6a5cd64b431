import { expect, test } from 'vitest';
import { assertNodeVersion, NodeVersionError } from './node-version.ts';

test.each(['20.20.2', '22.9.0', '22.22.1', '8.17.0'])('Node %s is refused by name', (version) => {
  expect(() => assertNodeVersion(version)).toThrow(NodeVersionError);
  expect(() => assertNodeVersion(version)).toThrow(version);
});

test.each(['22.22.2', '22.23.0', '24.0.0', '100.0.0-nightly'])('Node %s is fine', (version) => {
  expect(() => assertNodeVersion(version)).not.toThrow();
});

test('so is the Node of the tests', () => {
  expect(() => assertNodeVersion()).not.toThrow();
});
