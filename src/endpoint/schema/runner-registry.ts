import { z } from 'zod';
import type { Limits } from '../../domain/limits.ts';
import { BUILTIN_PREFIX, executionModes, isBuiltin } from '../../domain/stage.ts';
import type { ListRunnersRequest, RegisterRunnerRequest, UnregisterRunnerRequest } from '../../service/requests.ts';
import { fault } from './fault.ts';
import { limitedFields, naturalNumber, oneOf } from './fields.ts';
import { runnerAddress } from './runner-address.ts';

const DEFAULT_TTL_SECONDS = 300;
const LONGEST_TTL_SECONDS = 86_400;

const ttlSeconds = z
  .number()
  .check((checked) => {
    if (checked.value >= 0 && checked.value <= LONGEST_TTL_SECONDS) return;
    fault(checked, `must be from 1 to ${LONGEST_TTL_SECONDS}, or 0 for ${DEFAULT_TTL_SECONDS}`);
  })
  .transform((seconds) => (seconds === 0 ? DEFAULT_TTL_SECONDS : seconds));

const supportedModes = z
  .array(oneOf(executionModes))
  .transform((modes) => (modes.length === 0 ? (['SYNC'] as const) : [...new Set(modes)]));

/** The requests about registrations of runners. */
export function runnerRegistrySchemas(limits: Limits): {
  readonly register: z.ZodType<RegisterRunnerRequest>;
  readonly unregister: z.ZodType<UnregisterRunnerRequest>;
  readonly list: z.ZodType<ListRunnersRequest>;
} {
  const { id, optionalId, metadata } = limitedFields(limits);
  const runnerType = id.check((checked) => {
    if (!isBuiltin(checked.value)) return;
    fault(checked, `must not begin with ${BUILTIN_PREFIX}: the server executes those types itself`);
  });
  return {
    register: z
      .object({
        runnerId: id,
        runnerType,
        address: runnerAddress,
        supportedModes,
        maxConcurrent: naturalNumber,
        ttlSeconds,
        metadata,
      })
      .transform(({ ttlSeconds: seconds, ...registration }) => ({ ...registration, ttlMs: seconds * 1000 })),
    unregister: z.object({ registrationId: id }),
    list: z.object({ runnerType: optionalId }),
  };
}
