import { defaultLimits } from '../../domain/limits.ts';

/*
 * What a server accepts unless it is configured otherwise, so that a plan file that is found right is not refused later.
 * tests/cli/bounds.test.ts holds them to a server.
 */

/** Words that the command adds to a plan's own metadata: its name, and the mark of an embedded run. */
const ADDED_PAIRS = 2;

export const bounds = {
  nameBytes: defaultLimits.idBytes,
  groupDepth: defaultLimits.groupDepth,
  metadataPairs: defaultLimits.metadataPairs - ADDED_PAIRS,
  metadataKeyBytes: defaultLimits.metadataKeyBytes,
  metadataValueBytes: defaultLimits.metadataValueBytes,
  /** Words about a node, such as a check's kind. */
  labelBytes: 1024,
  /** A server takes any 32-bit number; more tries than these are a mistake. */
  attempts: 10_000,
  /** A hundred years, as the API has it, in milliseconds. */
  durationMs: 36_500 * 24 * 3_600_000,
  leastHeartbeatMs: 1000,
} as const;
