const HEAD_BYTES = 5;

/** Takes gRPC's messages out of a stream of bytes. */
export class MessageReader {
  readonly #onMessage: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  #isReading = false;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** More bytes may come from within `onMessage`: a stream that is closed gives away what it has. */
  push(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) break;
      const message = this.#rest.subarray(HEAD_BYTES, end);
      this.#rest = this.#rest.subarray(end);
      this.#onMessage(message);
    }
    this.#isReading = false;
  }
}
