import { z } from 'zod';
import { planSchema } from './plan-schema.ts';

/** The JSON Schema (draft 2020-12) of a plan file, as committed in schema/turboci-plan.schema.json. */
export function planJsonSchema(): object {
  const schema = z.toJSONSchema(planSchema, { io: 'input', target: 'draft-2020-12' });
  return { $schema: schema.$schema, title: 'TurboCI-Lite plan', ...schema };
}
