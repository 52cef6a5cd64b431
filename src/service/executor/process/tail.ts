import { plainText } from './plain-text.ts';

const NEWLINE = 0x0a;

/** The last bytes of an output, in bounded memory. */
export class Tail {
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** True if the first kept line lost its beginning. */
  #isCut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  append(chunk: Uint8Array): void {
    const excess = this.#bytes.length + chunk.length - this.#maxBytes;
    if (excess <= 0) {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      return;
    }
    const lastDropped = excess > this.#bytes.length ? chunk[excess - this.#bytes.length - 1] : this.#bytes[excess - 1];
    this.#isCut = lastDropped !== NEWLINE;
    // concat copies: a view would keep the whole chunk alive.
    this.#bytes = Buffer.concat([
      this.#bytes.subarray(Math.min(excess, this.#bytes.length)),
      chunk.subarray(Math.max(0, chunk.length - this.#maxBytes)),
    ]);
  }

  /** The kept output as plain text without the final newline; a first line that lost its beginning is left out. */
  text(): string {
    return lines(this.#bytes, this.#isCut);
  }

  /**
   * Takes the finished lines out, as plain text without the final newline; an unfinished last line stays. Undefined if
   * no finished line is kept.
   */
  takeLines(): string | undefined {
    const end = this.#bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return undefined;
    const text = lines(this.#bytes.subarray(0, end), this.#isCut);
    this.#bytes = this.#bytes.subarray(end);
    this.#isCut = false;
    return text;
  }
}

function lines(bytes: Buffer, isCut: boolean): string {
  const firstEnd = bytes.indexOf(NEWLINE);
  const hasMore = firstEnd !== -1 && firstEnd < bytes.length - 1;
  const text = plainText(isCut && hasMore ? bytes.subarray(firstEnd + 1) : bytes);
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
