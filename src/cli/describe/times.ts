import { type Timestamp, timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { formatDuration } from '../progress/duration.ts';

/** A point in time as it is shown; empty for none. */
export function timeText(time: Timestamp | undefined): string {
  return time === undefined ? '' : timestampDate(time).toISOString();
}

/** How long after `from` a time is, in words of the caller's: `after 2.1s`; empty unless both are there. */
export function spanText(word: string, from: Timestamp | undefined, to: Timestamp | undefined): string {
  return from === undefined || to === undefined ? '' : `${word} ${formatDuration(timestampMs(to) - timestampMs(from))}`;
}

/** How far off a time is: `in 3.2s` or `3.2s ago`; `now` in milliseconds since the epoch. */
export function distanceText(time: Timestamp, now: number): string {
  const ms = timestampMs(time) - now;
  return ms >= 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}
