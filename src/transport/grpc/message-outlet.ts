import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** Bytes that may be under way to the peer's flow-control window before the next message has to wait. */
const WINDOW_BYTES = 32 * 1024;

/**
 * Sends the messages of a stream at its reader's pace: `send` resolves when there is room for another message, so that
 * a peer that does not read holds back the source and costs no more than a window and one message.
 */
export class MessageOutlet {
  readonly #call: ServerInterceptingCallInterface;
  #unsent = 0;
  #isClosed = false;
  #roomMade: () => void = () => {};

  constructor(call: ServerInterceptingCallInterface) {
    this.#call = call;
  }

  /** One `send` at a time. */
  async send(message: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    // The callback holds on to the length only: grpc-js has a copy of the message in its frame.
    const bytes = message.byteLength;
    this.#unsent += bytes;
    this.#call.sendMessage(message, () => {
      this.#unsent -= bytes;
      if (this.#unsent < WINDOW_BYTES) this.#roomMade();
    });
    if (this.#unsent < WINDOW_BYTES) return;
    await new Promise<void>((resolve) => {
      this.#roomMade = resolve;
    });
  }

  /** Lets a waiting `send` go: its message will never go out, and grpc-js does not say so. */
  close(): void {
    this.#isClosed = true;
    this.#roomMade();
  }
}
