import { randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Ids } from '../domain/ports.ts';

/** UUIDs: version 7 (RFC 9562, time-ordered) for plans, version 4 elsewhere. */
export const systemIds: Ids = {
  workPlan: () => uuidV7(),
  execution: () => randomUUID(),
  registration: () => randomUUID(),
  incident: () => randomUUID(),
};
