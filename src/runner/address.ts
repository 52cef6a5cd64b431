/** Addresses that mean "all of this machine": one can listen there, but not call. */
const WILDCARD = /^(?:0\.0\.0\.0|\[::\]|)$/u;

/** Where a runner is reached that listens at an address, which may name the port 0, and got that port. */
export function advertisedAddress(listen: string, port: number, hostname: string): string {
  if (listen.startsWith('unix:')) return listen;
  const host = hostOf(listen);
  return `${WILDCARD.test(host) ? hostname : host}:${port}`;
}

/** Whether a server can be called there. */
export function isCallable(address: string): boolean {
  return address.startsWith('unix:') || !WILDCARD.test(hostOf(address));
}

function hostOf(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf(':')));
}
