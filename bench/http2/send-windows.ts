/** What every connection and every stream may send at first (RFC 9113, section 6.9.2). */
const FIRST_WINDOW = 65_535;

/** How much a peer still takes: in all, and of each stream that is under way. */
export class SendWindows {
  #connection = FIRST_WINDOW;
  #first = FIRST_WINDOW;
  readonly #streams = new Map<number, number>();

  open(stream: number): void {
    this.#streams.set(stream, this.#first);
  }

  close(stream: number): void {
    this.#streams.delete(stream);
  }

  /** Takes as much as there is of what a stream wants to send; 0 = it has to wait. */
  take(stream: number, wanted: number): number {
    const own = this.#streams.get(stream) ?? 0;
    const taken = Math.max(0, Math.min(wanted, own, this.#connection));
    this.#streams.set(stream, own - taken);
    this.#connection -= taken;
    return taken;
  }

  /** The peer takes more, of one stream or, as stream 0, in all. */
  add(stream: number, bytes: number): void {
    const own = this.#streams.get(stream);
    if (stream === 0) this.#connection += bytes;
    else if (own !== undefined) this.#streams.set(stream, own + bytes);
  }

  /** The peer takes so much of every stream from its start, those under way included. */
  setFirst(bytes: number): void {
    for (const [stream, own] of this.#streams) this.#streams.set(stream, own + bytes - this.#first);
    this.#first = bytes;
  }
}
