import { z } from 'zod';
import { text, time, unset } from './fields.ts';

/** A failure as written; without a time it happened now. */
export const failureWrite = z.object({ message: text, reason: text, occurredAt: unset(time) });
