import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

/** A duration as the contract writes it. */
export function milliseconds(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}

/** A time of the contract in milliseconds since the epoch, a duration in milliseconds. */
export function inMilliseconds(time: Timestamp | Duration | undefined): number {
  if (time === undefined) throw new Error('no time is given');
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}
