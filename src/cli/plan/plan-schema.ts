import { z } from 'zod';
import { durationPattern, parseDuration } from '../../domain/duration.ts';
import { bounds } from './bounds.ts';
import { expected } from './expected.ts';

/*
 * The YAML form of a plan, as written. Names, groups and the rest of the meaning are judged in plan-nodes.ts; what is
 * here also becomes the JSON Schema for editors (schema/turboci-plan.schema.json).
 */

const durationForm = expected('a duration with a unit, such as 30s, 500ms or 1m30s');

const duration = z
  .string({ error: durationForm })
  .regex(durationPattern, { error: durationForm, abort: true })
  .refine((text) => ms(text) <= bounds.durationMs, { error: 'a duration is at most 876000h (36500 days)' });
const positiveDuration = duration.refine((text) => ms(text) > 0, { error: 'expected more than 0' });
const heartbeat = duration.refine((text) => ms(text) === 0 || ms(text) >= bounds.leastHeartbeatMs, {
  error: 'expected at least 1s, or 0s for off',
});

/** Milliseconds; too many to count are more than any bound. */
function ms(text: string): number {
  return parseDuration(text) ?? Number.POSITIVE_INFINITY;
}

/** A text of at least one character. */
function text(what: string) {
  return z.string({ error: expected(what) }).min(1, { error: 'expected at least one character' });
}

/** A text of bounded length. */
function shortText(what: string, maxBytes: number) {
  return bounded(z.string({ error: expected(what) }), maxBytes);
}

/** JSON Schema knows only characters; no text of so many bytes has more of them. */
function bounded(schema: z.ZodString, maxBytes: number) {
  return schema
    .refine((value) => Buffer.byteLength(value) <= maxBytes, { error: `at most ${maxBytes} bytes` })
    .meta({ maxLength: maxBytes });
}

/** The system hands texts to a command as C strings. */
const NO_NUL = [/^[^\0]*$/u, { error: 'a command cannot be given the character NUL; remove it' }] as const;

const name = bounded(
  text('the name of a stage or check').regex(/^\P{Cc}*$/u, { error: 'a name has no control characters' }),
  bounds.nameBytes,
);

const condition = z
  .enum(['succeeded', 'failed', 'final'], { error: 'expected succeeded, failed or final (however it ended)' })
  .describe('How the other one has to end. Default: succeeded.');

const stageRef = z
  .strictObject({ stage: name.describe('Name of a stage.'), when: condition.optional() })
  .describe('A stage and how it has to end.');
const checkRef = z
  .strictObject({ check: name.describe('Name of a check.'), when: condition.optional() })
  .describe('A check and how it has to end.');

const needsForms =
  'a name, {stage: NAME, when: failed}, {check: NAME}, {all: […]}, {any: […]} or {threshold: N, of: […]}';

const all = z.strictObject({
  get all() {
    return members.describe('Each of these.');
  },
});
const any = z.strictObject({
  get any() {
    return members.describe('At least one of these.');
  },
});
const threshold = z.strictObject({
  threshold: z.int({ error: 'expected a whole number' }).min(1, { error: 'expected at least 1' }),
  get of() {
    return members.describe('At least `threshold` of these.');
  },
});

type Ref = z.infer<typeof name> | z.infer<typeof stageRef> | z.infer<typeof checkRef>;
type Group =
  | { readonly all: readonly Need[] }
  | { readonly any: readonly Need[] }
  | { readonly threshold: number; readonly of: readonly Need[] };

/** One thing that a node waits for: another node, or a group of such things. */
export type Need = Ref | Group;

const need: z.ZodType<Need> = z
  .lazy(() => z.union([name, stageRef, checkRef, all, any, threshold], { error: expected(needsForms) }))
  .meta({ id: 'need', description: 'A stage or check that has to end first, or a group of them.' });
const members = z
  .array(need, { error: 'expected a list' })
  .min(1, { error: 'a group names at least one stage or check' });

/** What a node waits for: one thing, or a list of which everything is needed. */
export type Needs = Need | readonly Need[];

const needs: z.ZodType<Needs> = z
  .union([need, z.array(need)], { error: expected(`${needsForms}, or a list of these`) })
  .meta({ id: 'needs', description: 'What has to end first. A list means all of it; names mean: it succeeded.' });

const json = z.record(z.string(), z.json({ error: 'expected a JSON value' }), {
  error: 'expected keys with JSON values',
});
const env = z.record(
  z.string().regex(/^[^=\0]+$/u, { error: 'a variable has a name without `=` and NUL' }),
  z.union([z.string().regex(...NO_NUL), z.number(), z.boolean()], {
    error: expected('a text, a number, true or false'),
  }),
  { error: 'expected names with values' },
);
const attemptsForm = expected(`a whole number of attempts from 1 to ${bounds.attempts}`);
const attempts = z
  .int({ error: attemptsForm, abort: true })
  .min(1, { error: attemptsForm })
  .max(bounds.attempts, { error: attemptsForm })
  .describe('How often the stage is tried until it succeeds. Default: 1.');
const backoff = z
  .strictObject({
    initial: duration.describe('Longest wait before attempt 2.').optional(),
    multiplier: z
      .number({ error: expected('a factor of 1 or more') })
      .min(1, { error: 'expected a factor of 1 or more' })
      .describe('Growth per attempt.')
      .optional(),
    max: duration.describe('Longest wait at all.').optional(),
  })
  .describe('Waits between attempts, each chosen at random up to a bound that grows.');

const policy = {
  attempts: attempts.optional(),
  backoff: backoff.optional(),
  timeout: positiveDuration.describe('Longest time of one attempt.').optional(),
  stage_timeout: duration
    .describe('Longest time from the start of the plan to the end of the stage; 0s = off.')
    .optional(),
  heartbeat_timeout: heartbeat.describe('Longest silence of a runner during an attempt; 0s = off.').optional(),
};
const surroundings = {
  cwd: text('a folder')
    .regex(...NO_NUL)
    .describe('Folder in which `run` starts. Default: that of the server process.')
    .optional(),
  env: env.describe('Environment variables for `run`.').optional(),
};

const answer = z.union(
  [
    name,
    z.strictObject({
      check: name,
      goal: z.enum(['planned', 'final'], { error: 'expected planned or final' }).optional(),
    }),
  ],
  { error: 'expected the name of a check, or {check: NAME, goal: planned}' },
);

const commandLine = text('a command').regex(...NO_NUL);
const commandWord = z.string({ error: expected('a text') }).regex(...NO_NUL);
const commandWords = z.tuple([text('the name of a program').regex(...NO_NUL)], commandWord);

const stage = z
  .strictObject({
    run: z
      .union([commandLine, commandWords], {
        error: expected('a command: a line for the shell, or a list of words without one'),
      })
      .describe('A command. A text is run by /bin/sh -c, a list without a shell. Exit status 0 is success.')
      .optional(),
    noop: z
      .strictObject({
        delay: duration.describe('How long it takes.').optional(),
        fail: z
          .string({ error: expected('a message') })
          .describe('Fail with this message.')
          .optional(),
        checks: z.record(z.string(), json).describe('Result data to write, by check.').optional(),
      })
      .nullable()
      .describe('Does nothing: for joining other stages, and for trying out.')
      .optional(),
    results: z
      .enum(['on_success', 'always', 'never'], { error: 'expected on_success, always or never' })
      .describe(
        'When `run` gives its checks a result. on_success: at exit status 0, any other end fails the attempt. ' +
          'always: the exit status is the answer, and a bad one makes the checks fail, not the stage. ' +
          'never: the checks wait for all stages that answer them, or the command writes results itself. ' +
          'Default: never if another stage answers the same check, else on_success.',
      )
      .optional(),
    runner: name
      .regex(/^(?!builtin\/)/u, { error: 'runners of the server itself have keys of their own: `run` or `noop`' })
      .describe('Runner type that executes the stage, instead of `run` or `noop`.')
      .optional(),
    mode: z
      .enum(['sync', 'async'], { error: 'expected sync or async' })
      .describe('How the runner is called. Default: sync.')
      .optional(),
    args: json.describe('Arguments for the runner.').optional(),
    needs: needs.optional(),
    answers: z
      .union([answer, z.array(answer).meta({ uniqueItems: true })], {
        error: 'expected the name of a check, or a list of such',
      })
      .describe('The checks that this stage answers. Default: a check with the name of the stage.')
      .optional(),
    continues_until: needs
      .describe('What has to end before the stage does, once its attempt is done. Default: the stages it added.')
      .optional(),
    ...policy,
    ...surroundings,
  })
  .describe('A unit of work.');

const check = z
  .strictObject({
    kind: shortText('a text', bounds.labelBytes).describe('What sort of question it is, in your own words.').optional(),
    options: json.describe('Particulars of the question, for whoever answers it.').optional(),
    needs: needs.optional(),
    external: z
      .boolean({ error: 'expected true or false' })
      .describe('Answered by somebody who is not in this file, e.g. a stage that is added later.')
      .optional(),
  })
  .describe('A question to answer.');

const defaults = z.strictObject({ ...policy, ...surroundings });

/** The YAML form of a plan. */
export const planSchema = z
  .strictObject({
    name: bounded(text('a text'), bounds.metadataValueBytes)
      .describe('Shown in lists. Default: the name of the file.')
      .optional(),
    metadata: z
      .record(shortText('a text', bounds.metadataKeyBytes), shortText('a text', bounds.metadataValueBytes), {
        error: expected('keys with texts'),
      })
      .refine((pairs) => Object.keys(pairs).length <= bounds.metadataPairs, {
        error: `at most ${bounds.metadataPairs} pairs`,
      })
      .meta({ maxProperties: bounds.metadataPairs })
      .describe('Words of your own about the plan, to find it by.')
      .optional(),
    defaults: defaults.describe('Holds for every stage that does not say otherwise.').optional(),
    checks: z
      .record(name, check.nullable(), { error: 'expected names with checks' })
      .describe('Questions, by name.')
      .optional(),
    stages: z
      .record(name, stage, { error: 'expected names with stages, such as {lint: {run: npm run lint}}' })
      .refine((stages) => Object.keys(stages).length > 0, { error: 'a plan has at least one stage' })
      .describe('Units of work, by name.'),
  })
  .describe('A plan of TurboCI-Lite: stages that run, checks that they answer, and what waits for what.');

export type PlanDocument = z.infer<typeof planSchema>;
export type StageEntry = z.infer<typeof stage>;
export type CheckEntry = z.infer<typeof check>;
export type Answer = z.infer<typeof answer>;
export type Defaults = z.infer<typeof defaults>;

/** The keys of each kind of entry, for suggestions. */
export const planKeys = Object.keys(planSchema.shape);
export const stageKeys = Object.keys(stage.shape);
export const checkKeys = Object.keys(check.shape);
export const defaultsKeys = Object.keys(defaults.shape);
