import type { JsonObject } from '@bufbuild/protobuf';
import { z } from 'zod';

const json: z.ZodType<JsonObject, JsonObject> = z.record(z.string(), z.json());

/**
 * What the scripted runner does with one attempt: the vocabulary of a stage's args. Times in milliseconds, messages in
 * the JSON of protobuf. The order: writes, updates, then the work (`ms`, `hold`), then the end (`do`).
 */
const actSchema = z.strictObject({
  /**
   * How it ends: an answer without failure, with a failure, with a failure that is a verdict (FINAL); an answer about a
   * check that no plan has; no answer at all; where a call waits for the answer a gRPC error, or accepted = false; the
   * sudden end of the whole process.
   */
  do: z.enum(['succeed', 'fail', 'verdict', 'lie', 'vanish', 'error', 'decline', 'die']).default('succeed'),
  /** How long it works. */
  ms: z.number().default(0),
  /** Works until the test says `release`. */
  hold: z.boolean().default(false),
  /** A RunResponse, which the answer is made from. */
  answer: json.default({}),
  /** WriteNodesRequests without plan and attempt, sent in the name of the attempt. */
  writes: z.array(json).default([]),
  /** UpdateStageExecutionRequests without id. */
  updates: z.array(json).default([]),
  /** The distance of empty updates while it works; 0 = none. */
  beatMs: z.number().default(0),
  /**
   * How many times it sends its CompleteStageExecution, all at the same time. One that was called by Run sends it one
   * time less, before it answers the call.
   */
  answers: z.number().default(1),
  /** When it accepts by RunAsync: at once, after its first writes and updates, or when all is said and done. */
  accepts: z.enum(['first', 'midway', 'last']).default('first'),
  /** What it does when it is told to stop: fail with CANCELLED, end as told at once, or go on. */
  onCancel: z.enum(['stop', 'end', 'ignore']).default('stop'),
});

/** As a test writes it: what is left out has its default. */
export type ActInit = z.input<typeof actSchema>;
/** With its defaults. */
export type Act = z.output<typeof actSchema>;

const argsSchema = z.strictObject({ acts: z.array(actSchema).default([]) });

/** The args of a stage whose attempts do this, one after the other; further ones do as the last. */
export function argsOf(...acts: readonly ActInit[]): JsonObject {
  return JSON.parse(JSON.stringify({ acts }));
}

/** What an attempt is told by the args of its stage. */
export function actOf(args: JsonObject | undefined, attemptIdx: number): Act {
  const { acts } = argsSchema.parse(args ?? {});
  return acts[attemptIdx - 1] ?? acts.at(-1) ?? actSchema.parse({});
}
