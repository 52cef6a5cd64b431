import { z } from 'zod';
import type { Limits } from '../../domain/limits.ts';
import type {
  AcquireExecutionsRequest,
  CompleteExecutionRequest,
  UpdateExecutionRequest,
} from '../../service/requests.ts';
import { checkJsonSize, limitedFields, message, milliseconds, naturalNumber, percent, unset } from './fields.ts';
import { completeExecutionSchema } from './runner-answer.ts';

const MOST_EXECUTIONS = 1000;
const LONGEST_WAIT_MS = 60_000;

const maxExecutions = naturalNumber.transform((count) => Math.min(Math.max(count, 1), MOST_EXECUTIONS));

const wait = unset(milliseconds).transform((ms) => Math.min(ms ?? 0, LONGEST_WAIT_MS));

/** The requests of those who execute. */
export function executionSchemas(limits: Limits): {
  readonly update: z.ZodType<UpdateExecutionRequest>;
  readonly complete: z.ZodType<CompleteExecutionRequest>;
  readonly acquire: z.ZodType<AcquireExecutionsRequest>;
} {
  const { id, idList, json } = limitedFields(limits);
  return {
    update: z
      .object({ executionId: id, message, progressPercent: percent, details: unset(json) })
      .check((checked) => checkJsonSize(checked, 'details', limits)),
    complete: completeExecutionSchema(limits),
    acquire: z.object({
      runnerId: id,
      runnerTypes: idList.transform((types) => [...new Set(types)]),
      maxExecutions,
      waitMs: wait,
      heldExecutionIds: idList,
    }),
  };
}
