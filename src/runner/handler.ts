import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { CheckWriteSchema } from '../../gen/turboci/v1/check_pb.js';
import type { WriteNodesResponse } from '../../gen/turboci/v1/service_pb.js';
import type { StageWriteSchema } from '../../gen/turboci/v1/stage_pb.js';
import type { Answer } from './answer.ts';
import type { Task } from './task.ts';

/**
 * Why an execution is to stop:
 * - CANCELLED: somebody cancelled the stage or its plan. An answer within the grace time (10 s by default) still counts;
 * - DEADLINE: the attempt has run into its timeout;
 * - LOST: the server has ended the attempt or gave it to somebody else; the answer will be thrown away;
 * - STOPPING: the runner itself stops, and its grace time has passed.
 */
export type StopCause = 'CANCELLED' | 'DEADLINE' | 'LOST' | 'STOPPING';

/** The reason with which a context's signal aborts. */
export class ExecutionStopped extends Error {
  readonly stopCause: StopCause;

  constructor(stopCause: StopCause, message: string) {
    super(message);
    this.name = 'ExecutionStopped';
    this.stopCause = stopCause;
  }
}

/** What a progress entry may say besides its message. */
export type ProgressOptions = {
  /** How far the work is, 0 to 100; 0 = not given. */
  readonly percent?: number | undefined;
  readonly details?: JsonObject | undefined;
};

/** Nodes to create or change, all or none of them; see WriteNodes in the contract. */
export type NodeWrites = {
  readonly checks?: readonly MessageInitShape<typeof CheckWriteSchema>[];
  readonly stages?: readonly MessageInitShape<typeof StageWriteSchema>[];
  /** Why, for people; kept with the events. */
  readonly reason?: string;
};

/** What a handler can do besides answering. */
export type Context = {
  /**
   * Aborts when the execution is to stop; its `reason` is an ExecutionStopped. Hand it on to what the work waits for. A
   * handler that goes on all the same keeps its slot of `maxConcurrent` until it ends.
   */
  readonly signal: AbortSignal;
  /**
   * Appends an entry to the attempt's progress. Never waits and never throws: entries are sent one after the other, again
   * after an outage, and before the answer. What cannot be sent is dropped and told to `onEvent`.
   */
  progress(message: string, options?: ProgressOptions): void;
  /**
   * Writes nodes of the plan in the name of the attempt: new stages become children of its stage, which waits for them.
   * Repeated, without a second effect, while the server is away. Rejects with a CallError when the server refuses it or
   * the signal aborts.
   *
   * @example
   * await context.writeNodes({ stages: shards.map((shard) => ({ id: `test-${shard}`, runnerType: 'test', args: { shard } })) });
   */
  writeNodes(nodes: NodeWrites): Promise<WriteNodesResponse>;
};

/**
 * Executes one attempt. What it resolves with is the answer, nothing is the same as `{}`; a rejection is a failure that
 * the stage's policy may retry, and a Verdict one that it may not. On abort of `context.signal` it should end soon,
 * whichever way.
 */
export type Handler = (task: Task, context: Context) => Promise<Answer | undefined> | Promise<void>;
