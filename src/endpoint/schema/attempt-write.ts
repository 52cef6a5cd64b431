import { z } from 'zod';
import { attemptStates } from '../../domain/attempt.ts';
import type { Limits } from '../../domain/limits.ts';
import type { AttemptWrite } from '../../service/requests.ts';
import { failureWrite } from './failure.ts';
import { fault } from './fault.ts';
import { limitedFields, message, oneOf, percent, time, unset } from './fields.ts';

/** Attempts count from 1. */
export const attemptIdx = z.number().check((checked) => {
  if (!(checked.value >= 1)) fault(checked, 'must be at least 1');
});

/** A change of a stage's live attempt. */
export function attemptWriteSchema(limits: Limits): z.ZodType<AttemptWrite> {
  const { optionalId, json } = limitedFields(limits);
  const progress = z.object({
    message,
    timestamp: unset(time),
    details: unset(json),
    percent: unset(percent),
    idempotencyKey: optionalId,
  });
  return z
    .object({
      state: unset(oneOf(attemptStates)),
      processUid: optionalId,
      details: unset(json),
      progress: unset(progress),
      failure: unset(failureWrite),
      blockNewAttempts: z.boolean(),
      attemptIdx: unset(attemptIdx),
    })
    .check((checked) => {
      const { failure, state } = checked.value;
      if (failure === undefined || state === undefined || state === 'INCOMPLETE') return;
      fault(checked, `goes with the state INCOMPLETE only, not ${state}`, ['failure']);
    });
}
