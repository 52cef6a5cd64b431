import { expect, test } from 'vitest';
import { CliError } from './cli-error.ts';
import { serverAddress } from './connection.ts';

test.each(['127.0.0.1:50051', 'ci.example.org:1', 'my_host:65535', '[::1]:50051', 'unix:/run/x.sock', 'unix:x.sock'])(
  '%s is an address',
  (text) => {
    expect(serverAddress(text)).toBe(text);
  },
);

test.each(['http://ci:50051', 'ci', 'ci:', 'ci:0', 'ci:65536', ':1', '::1:5', 'unix:', 'dns:///ci:1', ' '])(
  '"%s" is refused with the form that is expected',
  (text) => {
    expect(() => serverAddress(text)).toThrow(CliError);
    expect(() => serverAddress(text)).toThrow(
      expect.objectContaining({ exitCode: 64, remedy: expect.stringContaining('HOST:PORT or unix:PATH') }),
    );
  },
);

test('nothing is no address', () => {
  expect(serverAddress('')).toBeUndefined();
  expect(serverAddress(undefined)).toBeUndefined();
});
