import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { advertisedAddress, callbackAddress, hostAndPort, socketPath } from './address.ts';

test.each([
  ['127.0.0.1:0', '127.0.0.1:7000'],
  ['ci.internal:7000', 'ci.internal:7000'],
  ['[fe80::1]:0', '[fe80::1]:7000'],
  ['0.0.0.0:0', 'here:7000'],
  ['[::]:0', 'here:7000'],
  [':0', 'here:7000'],
  ['unix:/run/runner.sock', 'unix:/run/runner.sock'],
  ['unix:///run/runner.sock', 'unix:/run/runner.sock'],
  ['unix:runner.sock', `unix:${resolve('runner.sock')}`],
])('a runner that listens on %s is reached at %s', (listen, expected) => {
  expect(advertisedAddress(listen, 7000, 'here')).toBe(expected);
});

const far = 'ci.internal:50051';

test.each([
  ['a name', 'other.internal:1', far, 'other.internal:1'],
  ['nothing', '', far, far],
  ['no host', ':50051', far, far],
  ['a wildcard', '0.0.0.0:50051', far, far],
  ['a wildcard of IPv6', '[::]:50051', far, far],
  ['a wildcard of a server beside us', '0.0.0.0:50051', '127.0.0.1:9', '127.0.0.1:9'],
  ['the own machine of a server elsewhere', '127.0.0.1:50051', far, far],
  ['the same by its name', 'localhost:50051', far, far],
  ['the same in IPv6', '[::1]:50051', far, far],
  ['the same in both', '[::ffff:127.0.0.1]:50051', far, far],
  ['a socket of a server elsewhere', 'unix:/run/server.sock', far, far],
  ['the own machine of a server beside us', '127.0.0.1:50051', 'localhost:9', '127.0.0.1:50051'],
  ['the same of one at a socket', '127.0.0.1:50051', 'unix:/run/server.sock', '127.0.0.1:50051'],
  ['a socket of a server beside us', 'unix:/run/server.sock', '127.0.0.1:9', 'unix:/run/server.sock'],
])('a request that names %s (%s, the server being %s) is reported to %s', (_, named, server, expected) => {
  expect(callbackAddress(named, server)).toBe(expected);
});

test.each([
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:7000', { host: '::1', port: 7000 }],
  [':7000', { port: 7000 }],
])('%s in parts', (address, expected) => {
  expect(hostAndPort(address)).toEqual(expected);
  expect(socketPath(address)).toBeUndefined();
});

test.each(['', 'host', 'host:', 'host:http', '7000'])('"%s" is no address to listen on', (address) => {
  expect(() => hostAndPort(address)).toThrow('expected HOST:PORT or unix:PATH');
});
