import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { fault } from './fault.ts';

/** What the address of a socket has room for. */
const SOCKET_PATH_BYTES = 107;

const HOST_NAME = /^(?=.{1,253}$)[\w-]+(\.[\w-]+)*\.?$/;

const FORMS = 'HOST:PORT, :PORT, [IPV6]:PORT, unix:/PATH, dns:///HOST:PORT, or nothing for a runner that only pulls';

/** Where a runner's StageRunner service is served, as gRPC programs write it; empty = nowhere. */
export const runnerAddress = z.string().check((checked) => {
  const wrong = addressFault(checked.value);
  if (wrong !== undefined) fault(checked, wrong);
});

function addressFault(address: string): string | undefined {
  if (address === '') return undefined;
  if (address.startsWith('unix:')) return pathFault(address);
  const name = address.startsWith('dns:///') ? address.slice('dns:///'.length) : address;
  return isHostAndPort(name, name === address) ? undefined : `must be ${FORMS}`;
}

/** `unix:/path` and `unix:///path` mean the same; what stands between two slashes would be a host. */
function pathFault(address: string): string | undefined {
  const path = /^unix:(?:\/\/)?(\/[^/\p{Cc}]\P{Cc}*)$/u.exec(address)?.[1];
  if (path === undefined) return `must be ${FORMS}`;
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return undefined;
  return `the path of a socket must have at most ${SOCKET_PATH_BYTES} bytes`;
}

function isHostAndPort(text: string, mayLackHost: boolean): boolean {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) return false;
  const [, ipv6, host, port] = match;
  if (Number(port) < 1 || Number(port) > 65_535) return false;
  if (ipv6 !== undefined) return isIPv6(ipv6);
  if (host === undefined || host === '') return mayLackHost;
  // What looks like an IPv4 address has to be one.
  return isIPv4(host) || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host));
}
