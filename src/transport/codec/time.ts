import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

const NANOS_PER_MS = 1_000_000;
const NANOS_PER_SECOND = 1_000_000_000;

/** Milliseconds since the epoch as a Timestamp. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return {
    $typeName: 'google.protobuf.Timestamp',
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1000) * NANOS_PER_MS,
  };
}

/** The same for a time that may be unset. */
export function toOptionalTimestamp(ms: number | undefined): Timestamp | undefined {
  return ms === undefined ? undefined : toTimestamp(ms);
}

/** Whole milliseconds since the epoch, rounded down; out of range stays out of range, and nanos that are none give NaN. */
export function fromTimestamp(timestamp: Timestamp): number {
  if (timestamp.nanos < 0 || timestamp.nanos >= NANOS_PER_SECOND) return Number.NaN;
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / NANOS_PER_MS);
}

/** Milliseconds as a Duration. */
export function toDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return {
    $typeName: 'google.protobuf.Duration',
    seconds: BigInt(seconds),
    nanos: Math.trunc((ms - seconds * 1000) * NANOS_PER_MS),
  };
}

/**
 * Whole milliseconds, away from zero: a duration that is given never becomes 0, which may mean "off". Nanos of a whole
 * second, or of another sign than the seconds, give NaN.
 */
export function fromDuration(duration: Duration): number {
  const isMixed = (duration.seconds > 0n && duration.nanos < 0) || (duration.seconds < 0n && duration.nanos > 0);
  if (isMixed || Math.abs(duration.nanos) >= NANOS_PER_SECOND) return Number.NaN;
  const ms = Number(duration.seconds) * 1000 + duration.nanos / NANOS_PER_MS;
  return ms < 0 ? Math.floor(ms) : Math.ceil(ms);
}
