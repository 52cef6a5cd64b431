/** What the address of a Unix socket has room for. */
export const SOCKET_PATH_BYTES = 107;

const HOST_NAME = /^(?=.{1,253}$)[\w-]+(\.[\w-]+)*\.?$/;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/**
 * What is wrong with where a service is said to be served, as gRPC programs write it: `HOST:PORT`, `:PORT`,
 * `[IPV6]:PORT`, `unix:/PATH` or `dns:///HOST:PORT`. Undefined = nothing. `forms` are those that the fault is to name.
 */
export function addressFault(address: string, forms: string): string | undefined {
  if (address.startsWith('unix:')) return pathFault(address, forms);
  const name = address.startsWith('dns:///') ? address.slice('dns:///'.length) : address;
  return isHostAndPort(name, name === address) ? undefined : `must be ${forms}`;
}

/** `unix:/path` and `unix:///path` mean the same; what stands between two slashes would be a host. */
function pathFault(address: string, forms: string): string | undefined {
  const path = /^unix:(?:\/\/)?(\/[^/\p{Cc}]\P{Cc}*)$/u.exec(address)?.[1];
  if (path === undefined) return `must be ${forms}`;
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
  return IPV4.test(host) || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host));
}

/** An interface may stand behind the address (`fe80::1%eth0`). */
function isIPv6(text: string): boolean {
  const [, address] = /^([\da-fA-F:.]+)(?:%[\w.-]+)?$/.exec(text) ?? [];
  return address !== undefined && URL.canParse(`http://[${address}]`);
}
