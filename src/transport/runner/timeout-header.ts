/** grpc-js, as a server, counts in 32 bits: longer timeouts would be over at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The most digits that the header has room for. */
const MOST = 99_999_999;

/**
 * The header grpc-timeout for so many milliseconds, rounded up so that the caller's own timer comes first. Undefined = too
 * long for one: then the deadline stands in the request only.
 */
export function timeoutHeader(ms: number): string | undefined {
  if (ms > LONGEST_TIMEOUT_MS) return undefined;
  const whole = Math.max(1, Math.ceil(ms));
  return whole <= MOST ? `${whole}m` : `${Math.ceil(whole / 1000)}S`;
}
