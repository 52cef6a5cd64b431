import { z } from 'zod';

/** How a runner refuses to begin anything: an answer that says so, or an error of that code. */
export const refusals = ['NOT_ACCEPTED', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED', 'INTERNAL'] as const;
export type Refusal = (typeof refusals)[number];

const refusal = z.enum(refusals).optional();

/** How the scripted runner is started: the JSON of its only argument. */
export const optionsSchema = z.strictObject({
  /** Where the orchestrator serves. */
  orchestrator: z.string(),
  runnerId: z.string(),
  runnerTypes: z.array(z.string()),
  /** The modes that it registers; whatever they are, it answers both calls. */
  modes: z.array(z.enum(['SYNC', 'ASYNC'])).default(['SYNC', 'ASYNC']),
  /** Serves StageRunner on a free port. */
  serves: z.boolean().default(true),
  /** Pulls, with so long a wait, in milliseconds. */
  pullWaitMs: z.number().optional(),
  maxConcurrent: z.number().default(0),
  ttlSeconds: z.number().default(60),
  metadata: z.record(z.string(), z.string()).default({}),
  /** Registers, and renews when a third of the time has passed. */
  registers: z.boolean().default(true),
  /** Implements Cancel. */
  cancels: z.boolean().default(true),
  /** Begins nothing, until the test says otherwise. */
  refuses: refusal,
  /** The file that it appends to what happens. */
  log: z.string(),
});

export type RunnerOptions = z.output<typeof optionsSchema>;
export type RunnerInit = z.input<typeof optionsSchema>;

/** What a test may tell a runner that runs. */
export const orderSchema = z.union([
  /** Goes on with the work that a stage holds, now or when it comes; empty = of all stages. */
  z.strictObject({ release: z.string() }),
  /** Begins nothing any more, or does again. */
  z.strictObject({ refuse: refusal }),
]);

export type Order = z.input<typeof orderSchema>;
