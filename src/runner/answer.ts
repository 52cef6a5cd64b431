import { create, type JsonObject, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { CheckState, StageState } from '../../gen/turboci/v1/common_pb.js';
import { type RunResponse, RunResponseSchema } from '../../gen/turboci/v1/stagerunner_pb.js';

/** What went wrong. */
export type Failure = {
  /** For people; all but the first 20,000 characters are cut off. */
  readonly message: string;
  /** For programs: one word, such as COMMAND_FAILED. */
  readonly reason?: string | undefined;
  /** Default: when the server takes the answer. */
  readonly occurredAt?: Date | undefined;
};

/**
 * Why an attempt did not do its work. Default of the reason: EXECUTOR_FAILURE, or after an abort what it was: CANCELLED,
 * TIMEOUT, RUNNER_STOPPED.
 */
export type AttemptFailure = Failure & {
  /** Whether another attempt makes sense; if so, the stage's policy decides. Default true; false is a verdict. */
  readonly retry?: boolean | undefined;
};

/** What an execution found out about a check. */
export type CheckAnswer = {
  /** The check; it may be any of the plan. */
  readonly id: string;
  /**
   * The state to move it to, by default FINAL. UNKNOWN leaves it to the server, which makes an assigned check FINAL when
   * all stages have ended that are assigned to it: the right choice for a check that several stages answer.
   */
  readonly state?: CheckState | undefined;
  /** The answer, kept as the attempt's result. */
  readonly data?: JsonObject | undefined;
  /** Makes the answer a no: the check FAILED. */
  readonly failure?: Failure | undefined;
};

/**
 * How an execution ended. Without a failure the attempt is COMPLETE: it did all that it meant to do, which is not to say
 * that the tests passed; what was found out belongs into the checks. Assigned checks that are not mentioned are left to
 * the server, which moves them on by their goal states. Data and details are sent as JSON.stringify would write them.
 */
export type Answer = {
  readonly checks?: readonly CheckAnswer[] | undefined;
  /** Whatever should be known of the attempt, merged into its details (RFC 7396: null removes a key). */
  readonly details?: JsonObject | undefined;
  /** Makes the attempt INCOMPLETE. */
  readonly failure?: AttemptFailure | undefined;
};

/**
 * Thrown by a handler when the work failed and would fail again: the attempt is INCOMPLETE, and there is no other. Any
 * other error is a failure that the stage's policy may retry.
 *
 * @example
 * if (!task.args.image) throw new Verdict('args.image is missing', { reason: 'BAD_ARGS' });
 */
export class Verdict extends Error {
  readonly reason: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly reason?: string } = {}) {
    super(message, options);
    this.name = 'Verdict';
    this.reason = options.reason;
  }
}

/** An answer as it travels. Throws a TypeError if it is none that can be sent. */
export function runResponse({ checks = [], details, failure }: Answer): RunResponse {
  const isRetried = failure !== undefined && failure.retry !== false;
  const response = create(RunResponseSchema, {
    stageState: isRetried ? StageState.UNKNOWN : StageState.FINAL,
    checkUpdates: checks.map((check) => ({
      checkId: check.id,
      state: check.state ?? CheckState.FINAL,
      finalize: true,
      ...(check.data === undefined ? {} : { resultData: jsonObject(check.data, `data of the check "${check.id}"`) }),
      ...(check.failure === undefined ? {} : { failure: failureInit(check.failure) }),
    })),
    ...(details === undefined ? {} : { details: jsonObject(details, 'details') }),
    ...(failure === undefined ? {} : { failure: failureInit(failure) }),
  });
  // Handlers are not always checked by a compiler; what cannot be encoded should be found before it is sent.
  toBinary(RunResponseSchema, response);
  return response;
}

/** An object as JSON.stringify would write it. Throws a TypeError if that gives no object. */
export function jsonObject(value: JsonObject, what: string): JsonObject {
  const json: JsonValue = JSON.parse(JSON.stringify(value) ?? 'null');
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new TypeError(`${what}: not a JSON object`);
}

/** The server takes 64 KiB of UTF-8, and a character may have three bytes. */
const LONGEST_MESSAGE = 20_000;

/** A message as it may be sent. */
export function messageText(message: string): string {
  // What is thrown without a compiler's blessing may have any message.
  const text = String(message);
  return (text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text).toWellFormed();
}

function failureInit({ message, reason = '', occurredAt }: Failure) {
  return {
    message: messageText(message),
    reason,
    ...(occurredAt === undefined ? {} : { occurredAt: timestampFromDate(occurredAt) }),
  };
}
