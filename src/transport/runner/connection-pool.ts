import { status as grpcStatus } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import type { FailedCall } from './call-verdict.ts';
import { RunnerConnection } from './runner-connection.ts';
import type { UnaryEnd, UnaryRequest } from './unary-call.ts';

/** How long a connection is kept that nobody uses. */
const KEEP_UNUSED_MS = 60_000;

type Kept = { readonly connection: RunnerConnection; stopClosing: CancelTimer };

/** One connection for each runner's address, as long as it is of use. */
export class ConnectionPool {
  readonly #clock: Clock;
  readonly #largestAnswer: number;
  readonly #kept = new Map<string, Kept>();
  #isClosed = false;

  /** Answers above so many bytes are refused. */
  constructor(largestAnswer: number, clock: Clock) {
    this.#largestAnswer = largestAnswer;
    this.#clock = clock;
  }

  /** Calls on the connection that is kept for the address, or on a new one. */
  async call(address: string, request: UnaryRequest): Promise<UnaryEnd> {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return refusal;
    const kept = this.#take(address);
    const end = await kept.connection.call(request);
    if (end.kind !== 'ANSWERED' && end.isUnreachable) this.#drop(address, kept);
    else this.#putBack(address, kept);
    return end;
  }

  /** Cuts all calls and closes all connections; there will be no others. */
  close(): void {
    this.#isClosed = true;
    for (const { connection, stopClosing } of this.#kept.values()) {
      stopClosing();
      connection.cut();
    }
    this.#kept.clear();
  }

  #refusal({ signal, deadline }: UnaryRequest): FailedCall | undefined {
    const failed = (kind: FailedCall['kind'], message: string): FailedCall => ({
      kind,
      message,
      code: grpcStatus.CANCELLED,
      isUnreachable: false,
    });
    if (signal?.aborted) return failed('BROKEN', 'the call was cut by the server before it began');
    if (this.#isClosed) return failed('UNDELIVERED', 'the server makes no more calls');
    if (deadline <= this.#clock.now()) return failed('UNDELIVERED', 'the deadline passed before the call began');
    return undefined;
  }

  #take(address: string): Kept {
    const kept = this.#kept.get(address) ?? {
      connection: new RunnerConnection(address, this.#largestAnswer, this.#clock),
      stopClosing: () => {},
    };
    this.#kept.set(address, kept);
    kept.stopClosing();
    return kept;
  }

  #putBack(address: string, kept: Kept): void {
    if (kept.connection.isUsed || this.#kept.get(address) !== kept) return;
    kept.stopClosing = this.#clock.after(KEEP_UNUSED_MS, () => this.#drop(address, kept));
  }

  /** After a failed connect too: grpc-js would go on trying by itself, and refuse calls between its tries. */
  #drop(address: string, kept: Kept): void {
    if (this.#kept.get(address) !== kept) return;
    this.#kept.delete(address);
    kept.connection.close();
  }
}
