import { z } from 'zod';

/** How a runner of this test is started: the JSON of its only argument. */
export const optionsSchema = z.strictObject({
  /** Where the orchestrator serves. */
  orchestrator: z.string(),
  runnerId: z.string(),
  runnerTypes: z.array(z.string()),
  modes: z.array(z.enum(['SYNC', 'ASYNC'])),
  /** Serves StageRunner on a free port. */
  serves: z.boolean(),
  /** Asks for work. */
  pulls: z.boolean(),
  /** Implements Cancel. */
  cancels: z.boolean(),
  maxConcurrent: z.number(),
  ttlSeconds: z.number(),
  /** The file that it appends to. */
  log: z.string(),
  /** Of its moods: what it refuses, drops, cuts and forgets. */
  seed: z.number(),
});

export type RunnerOptions = z.output<typeof optionsSchema>;
