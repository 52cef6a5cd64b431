import { Channel } from '@grpc/grpc-js';
import type { Clock } from '../../domain/ports.ts';
import { dialTarget } from './dial-target.ts';
import { PlainCredentials } from './plain-credentials.ts';
import { UnaryCall, type UnaryEnd, type UnaryRequest } from './unary-call.ts';

/** One connection to a runner, made by its first call and made again if it was lost. */
export class RunnerConnection {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #calls = new Set<UnaryCall>();

  constructor(address: string, largestAnswer: number, clock: Clock) {
    this.#clock = clock;
    this.#channel = new Channel(dialTarget(address), new PlainCredentials(), {
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
    const call = new UnaryCall(this.#channel, request, this.#clock);
    this.#calls.add(call);
    const end = await call.ended;
    this.#calls.delete(call);
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
}
