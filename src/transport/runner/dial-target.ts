/**
 * What grpc-js dials for a runner's address: `:PORT` means this machine, as in Go programs, and a host is a host even if
 * it has the name of a scheme (`dns:50052`).
 */
export function dialTarget(address: string): string {
  if (address.startsWith('unix:') || address.startsWith('dns:///')) return address;
  return `dns:///${address.startsWith(':') ? 'localhost' : ''}${address}`;
}
