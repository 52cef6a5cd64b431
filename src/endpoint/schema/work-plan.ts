import { z } from 'zod';
import type { Limits } from '../../domain/limits.ts';
import { workPlanStates } from '../../domain/work-plan.ts';
import type {
  CancelWorkPlanRequest,
  CreateWorkPlanRequest,
  GetWorkPlanRequest,
  ListWorkPlansRequest,
} from '../../service/requests.ts';
import { label, limitedFields, oneOf } from './fields.ts';

/** The requests about plans as wholes. */
export function workPlanSchemas(limits: Limits): {
  readonly create: z.ZodType<CreateWorkPlanRequest>;
  readonly get: z.ZodType<GetWorkPlanRequest>;
  readonly list: z.ZodType<ListWorkPlansRequest>;
  readonly cancel: z.ZodType<CancelWorkPlanRequest>;
} {
  const { id, metadata, pageSize, requestId } = limitedFields(limits);
  return {
    create: z.object({ metadata, requestId }),
    get: z.object({ id }),
    list: z.object({ pageSize, pageToken: label, states: z.array(oneOf(workPlanStates)), metadata }),
    cancel: z.object({ id, reason: label }),
  };
}
