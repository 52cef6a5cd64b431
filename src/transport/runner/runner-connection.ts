import { Channel } from '@grpc/grpc-js';
import type { Clock } from '../../domain/ports.ts';
import { dialTarget } from './dial-target.ts';
import type { OpenedStream } from './opened-streams.ts';
import { PlainCredentials } from './plain-credentials.ts';
import { StreamSlots } from './stream-slots.ts';
import { UnaryCall, type UnaryEnd, type UnaryRequest } from './unary-call.ts';

/**
 * One connection to a runner, made by its first call and made again if it was lost. Calls wait here, in their order, until
 * the runner takes another stream.
 */
export class RunnerConnection {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #slots: StreamSlots;
  readonly #calls = new Set<UnaryCall>();
  readonly #waiting = new Set<UnaryCall>();
  /** As many as have begun without a stream; which ones does not matter. */
  readonly #opening = new Set<UnaryCall>();

  constructor(address: string, largestAnswer: number, clock: Clock) {
    this.#clock = clock;
    this.#slots = new StreamSlots(clock, () => this.#startWaiting());
    const credentials = new PlainCredentials((opened) => this.#opened(opened));
    this.#channel = new Channel(dialTarget(address), credentials, {
      // Connections are never shared with what else of grpc-js there may be in the process.
      'grpc.use_local_subchannel_pool': 1,
      // A second try would hide what became of the first.
      'grpc.enable_retries': 0,
      // Without a buffer for retries, grpc-js tells when a request was written, not when it was copied.
      'grpc.per_rpc_retry_buffer_size': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': largestAnswer,
    });
  }

  get isUsed(): boolean {
    return this.#calls.size > 0;
  }

  async call(request: UnaryRequest): Promise<UnaryEnd> {
    const call = new UnaryCall(this.#channel, request, this.#slots, this.#clock);
    this.#calls.add(call);
    this.#waiting.add(call);
    this.#startWaiting();
    const end = await call.ended;
    for (const calls of [this.#calls, this.#waiting, this.#opening]) calls.delete(call);
    // What one call found out about the connection, those behind it need not find out again.
    if (end.kind !== 'ANSWERED' && end.isUnreachable) for (const other of this.#waiting) other.fail(end);
    this.#startWaiting();
    return end;
  }

  /** No more calls. Those that have a stream go on to their ends, the others are UNDELIVERED. */
  close(): void {
    this.#channel.close();
  }

  /** Ends everything now. */
  cut(): void {
    for (const call of this.#calls) call.cut();
    this.close();
  }

  #startWaiting(): void {
    for (const call of this.#waiting) {
      if (call.isEnded) continue;
      if (!this.#slots.hasRoom(this.#opening.size)) return;
      this.#waiting.delete(call);
      this.#opening.add(call);
      call.start();
    }
  }

  #opened(opened: OpenedStream): void {
    const [first] = this.#opening;
    if (first !== undefined) this.#opening.delete(first);
    this.#slots.opened(opened);
  }
}
