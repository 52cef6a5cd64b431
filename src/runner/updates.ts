import type { MessageInitShape } from '@bufbuild/protobuf';
import { TurboCIOrchestrator, type UpdateStageExecutionRequestSchema } from '../../gen/turboci/v1/service_pb.js';
import { jsonObject, messageText } from './answer.ts';
import { isAway, isDefinite, type OrchestratorClient, saysNotOurs } from './client.ts';
import type { ProgressOptions } from './handler.ts';
import type { RunnerSystem } from './system.ts';
import { aborted, backoffMs, pause } from './waiting.ts';

type Entry = Omit<MessageInitShape<typeof UpdateStageExecutionRequestSchema>, '$typeName' | 'executionId'>;

/** Entries that may wait for the server; of more the oldest are dropped. */
const LONGEST_QUEUE = 200;
/** How often an entry is sent that the server, though there, does not take. */
const TRIES = 3;
const [SHORTEST_CALL_MS, LONGEST_CALL_MS] = [1_000, 10_000];

export type UpdatesDeps = {
  readonly client: OrchestratorClient;
  readonly system: RunnerSystem;
  readonly executionId: string;
  /** The longest silence; undefined = silence is fine. */
  readonly beatMs: number | undefined;
  /** Whether the server waits to hear of the execution. */
  readonly beatAtOnce: boolean;
  readonly onCancelRequested: () => void;
  /** The execution is not this runner's, or not any more. */
  readonly onLost: (error: unknown) => void;
  /** An entry was dropped. */
  readonly onProblem: (message: string, error: unknown) => void;
};

/** Beats come after a third of the time after which they are missed; undefined = they never are. */
export function beatInterval(heartbeatTimeoutMs: number): number | undefined {
  return heartbeatTimeoutMs > 0 ? heartbeatTimeoutMs / 3 : undefined;
}

/**
 * What an execution tells the server from its start until its answer is delivered: its progress in order, and otherwise a
 * beat from time to time. An entry whose call had no answer is sent again: the server gets each at least once.
 */
export class Updates {
  readonly #deps: UpdatesDeps;
  readonly #queue: Entry[] = [];
  /** Aborts when there is nothing more to be sent of the entries, sent or given up. */
  readonly #flushed = new AbortController();
  /** Aborts when there will be no more beats either. */
  readonly #ending = new AbortController();
  #isClosed = false;
  #wake = new AbortController();
  #isOverrun = false;
  readonly #ended: Promise<void>;

  constructor(deps: UpdatesDeps) {
    this.#deps = deps;
    this.#ended = this.#run();
  }

  /** See Context.progress. */
  progress(message: string, { percent = 0, details }: ProgressOptions = {}): void {
    if (this.#isClosed) return;
    try {
      this.#queue.push({
        message: messageText(message),
        progressPercent: Math.round(Math.min(100, Math.max(0, percent))) || 0,
        ...(details === undefined ? {} : { details: jsonObject(details, 'details') }),
      });
    } catch (error) {
      this.#deps.onProblem('a progress entry cannot be sent', error);
    }
    if (this.#queue.length > LONGEST_QUEUE) {
      this.#queue.shift();
      if (!this.#isOverrun) {
        this.#deps.onProblem(
          'progress comes faster than the server takes it; the oldest entries are dropped',
          undefined,
        );
      }
      this.#isOverrun = true;
    }
    this.#wake.abort();
  }

  /** Takes no more entries and sends what is left of them, for so long at most. The beats go on. */
  async flush(withinMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#queue.length > 0) await pause(this.#deps.system, withinMs, this.#flushed.signal);
    this.#queue.length = 0;
    this.#flushed.abort();
  }

  /** Ends the beats. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.#wake.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { system, beatAtOnce, beatMs } = this.#deps;
    let isBeatDue = beatAtOnce;
    for (let failures = 0; !this.#ending.signal.aborted; ) {
      const [entry] = this.#queue;
      if (entry === undefined && !isBeatDue) {
        isBeatDue = await this.#silence();
        continue;
      }
      const error = await this.#send(entry);
      if (error !== undefined && saysNotOurs(error)) {
        this.#flushed.abort();
        return this.#deps.onLost(error);
      }
      isBeatDue = error !== undefined;
      failures = error === undefined ? 0 : failures + 1;
      if (entry !== undefined && (error === undefined || isHopeless(error, failures))) {
        this.#drop(entry, error);
        failures = 0;
      }
      if (failures > 0) await pause(system, backoffMs(system, failures, beatMs), this.#signalFor(entry));
    }
  }

  /** Resolves with true when the longest silence is over, with false when there may be something to do before. */
  async #silence(): Promise<boolean> {
    const { system, beatMs } = this.#deps;
    this.#wake = new AbortController();
    const { signal } = this.#wake;
    if (beatMs === undefined) await aborted(signal);
    else await pause(system, beatMs, signal);
    return !signal.aborted;
  }

  async #send(entry: Entry | undefined): Promise<unknown> {
    const { client, executionId, beatMs, onCancelRequested } = this.#deps;
    const withinMs = Math.max(SHORTEST_CALL_MS, Math.min(LONGEST_CALL_MS, beatMs ?? LONGEST_CALL_MS));
    const { updateStageExecution } = TurboCIOrchestrator.method;
    try {
      const options = { withinMs, signal: this.#signalFor(entry) };
      const answer = await client.call(updateStageExecution, { ...entry, executionId }, options);
      if (answer.cancelRequested) onCancelRequested();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #drop(entry: Entry, error: unknown): void {
    const at = this.#queue.indexOf(entry);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    if (this.#isClosed && this.#queue.length === 0) this.#flushed.abort();
    if (error !== undefined) this.#deps.onProblem('a progress entry was not taken and is dropped', error);
  }

  /** What ends the call for an entry, or for a beat. */
  #signalFor(entry: Entry | undefined): AbortSignal {
    return entry === undefined ? this.#ending.signal : this.#flushed.signal;
  }
}

function isHopeless(error: unknown, failures: number): boolean {
  return isDefinite(error) || (!isAway(error) && failures >= TRIES);
}
