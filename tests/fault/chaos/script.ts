import type { JsonObject } from '@bufbuild/protobuf';
import { z } from 'zod';

/**
 * How a runner ends an execution.
 * - succeed, fail, verdict: as it should; a verdict is a failure that says FINAL.
 * - hang: works until it is told to stop. late: works, deaf and silent, until its deadline has passed, and answers then.
 * - lie: answers about a check that nobody has; illegal: with states that no answer may have. Where the refusal comes as
 *   an error, it answers again as it should.
 * - stray: reports under ids that are not its own before it succeeds.
 * - twice: sends its answer twice at the same time, and then another one.
 * - error: answers the call with INTERNAL; where nobody calls, it says nothing.
 * - vanish: says nothing any more.
 * - die, quit: the process is killed, or ends itself.
 */
export const ends = [
  'succeed',
  'fail',
  'verdict',
  'hang',
  'late',
  'lie',
  'illegal',
  'stray',
  'twice',
  'error',
  'vanish',
  'die',
  'quit',
] as const;

/** What an answer says about the checks that the stage is assigned to. */
export const findings = ['nothing', 'passed', 'broken', 'data'] as const;

const actSchema = z.strictObject({
  end: z.enum(ends),
  /** How long it works, in milliseconds. */
  ms: z.number(),
  /** The distance of its heartbeats, in milliseconds; 0 = none. */
  beatMs: z.number(),
  /** Reports progress in words when it begins. */
  talks: z.boolean(),
  /** Works on when it is told to stop. */
  isStubborn: z.boolean(),
  finds: z.enum(findings),
});

/** What one attempt does. */
export type Act = z.output<typeof actSchema>;

const json: z.ZodType<JsonObject, JsonObject> = z.record(z.string(), z.json());

const scriptSchema = z.strictObject({
  /** One for each attempt; further ones do as the last. */
  acts: z.array(actSchema).min(1),
  /** A WriteNodesRequest with nodes alone: what every attempt writes before it works. */
  children: json.optional(),
});

/** The args of a stage for the runners of this test. */
export type Script = z.output<typeof scriptSchema>;

export function readScript(args: JsonObject | undefined): Script {
  return scriptSchema.parse(args);
}

/** As the args of a stage. */
export function argsOf(script: Script): JsonObject {
  return JSON.parse(JSON.stringify(script));
}
