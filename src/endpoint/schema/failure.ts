import { z } from 'zod';
import { label, message, time, unset } from './fields.ts';

/** A failure as written; without a time it happened now. */
export const failureWrite = z.object({ message, reason: label, occurredAt: unset(time) });
