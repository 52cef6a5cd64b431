/** `{`; what comes before it may be space, tabs and line ends. */
const BRACE = 0x7b;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Tells what a program writes to stdout: an answer if it begins with `{`, ordinary output if it begins with anything
 * else. The output is passed on as it comes.
 */
export class AnswerOrOutput {
  readonly #maxAnswerBytes: number;
  readonly #onOutput: (chunk: Buffer) => void;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #kind: 'UNKNOWN' | 'ANSWER' | 'OUTPUT' = 'UNKNOWN';

  constructor(maxAnswerBytes: number, onOutput: (chunk: Buffer) => void) {
    this.#maxAnswerBytes = maxAnswerBytes;
    this.#onOutput = onOutput;
  }

  /** Answers false when the answer has become too long; it is not kept then. */
  add(chunk: Buffer): boolean {
    if (this.#kind === 'UNKNOWN') {
      const first = chunk.find((byte) => !BLANKS.has(byte));
      // Blanks alone are not worth their memory.
      if (first === undefined) return true;
      this.#kind = first === BRACE ? 'ANSWER' : 'OUTPUT';
    }
    if (this.#kind === 'OUTPUT') {
      this.#onOutput(chunk);
      return true;
    }
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > this.#maxAnswerBytes) this.#kept.length = 0;
    else this.#kept.push(chunk);
    return this.#keptBytes <= this.#maxAnswerBytes;
  }

  /** The answer, empty if there is none; undefined if it was too long. */
  get answer(): string | undefined {
    return this.#keptBytes > this.#maxAnswerBytes ? undefined : Buffer.concat(this.#kept).toString('utf8');
  }
}
