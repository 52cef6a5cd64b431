import { randomFillSync, randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Ids } from '../domain/ports.ts';

/**
 * UUIDs: version 7 (RFC 9562, time-ordered) for what is a key in storage, so that new keys stand together there; version 4
 * elsewhere. Those of plans are in the order of their creation also within a millisecond.
 */
export const systemIds: Ids = {
  workPlan: () => uuidV7({ random: randomBytes(), seq: ++plans }),
  execution: () => uuidV7({ random: randomBytes() }),
  registration: () => randomUUID(),
  incident: () => randomUUID(),
};

let plans = 0;

const ID_BYTES = 16;
const pool = new Uint8Array(256 * ID_BYTES);
let used = pool.length;

/** Random bytes for an id, cut from a pool: asking the system for each costs more than all the rest of an id. */
function randomBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.subarray(used - ID_BYTES, used);
}
