import { resolve } from 'node:path';

/** Addresses that mean "all of this machine": one can listen there, but not call. */
const WILDCARD = /^(?:0\.0\.0\.0|\[::\]|)$/u;
/** Addresses that mean "this machine" to whoever calls them. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])$/iu;

/** Where a runner is reached that listens at an address, which may name the port 0, and got that port. */
export function advertisedAddress(listen: string, port: number, hostname: string): string {
  const path = socketPath(listen);
  if (path !== undefined) return `unix:${path}`;
  const host = hostOf(listen);
  return `${WILDCARD.test(host) ? hostname : host}:${port}`;
}

/**
 * Where an execution reports to whose request names an address, given the one at which the runner reaches the server: the
 * latter if nobody can call the former, or if it means the server's own machine and the server is on another.
 */
export function callbackAddress(named: string, server: string): string {
  const isOfThisMachine = isLocal(named) && !isLocal(server);
  return isWildcard(named) || isOfThisMachine ? server : named;
}

/** The absolute path of `unix:PATH`; undefined for other addresses. */
export function socketPath(address: string): string | undefined {
  return address.startsWith('unix:') ? resolve(address.slice('unix:'.length)) : undefined;
}

/** The parts of `HOST:PORT`, the host without brackets; an empty host is all of this machine. Throws an Error. */
export function hostAndPort(address: string): { readonly host?: string; readonly port: number } {
  const port = address.slice(address.lastIndexOf(':') + 1);
  const host = hostOf(address).replace(/^\[(.*)\]$/u, '$1');
  if (!address.includes(':') || !/^\d{1,5}$/u.test(port)) throw new Error('expected HOST:PORT or unix:PATH');
  return host === '' ? { port: Number(port) } : { host, port: Number(port) };
}

function isWildcard(address: string): boolean {
  return socketPath(address) === undefined && WILDCARD.test(hostOf(address));
}

function isLocal(address: string): boolean {
  return socketPath(address) !== undefined || LOOPBACK.test(hostOf(address));
}

function hostOf(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf(':')));
}
