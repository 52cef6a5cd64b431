import { StringDecoder } from 'node:string_decoder';

/** Characters of an unfinished line that are kept; a longer one is cut in pieces. */
const LONGEST_LINE = 16 * 1024;

/** Cuts an output into lines, which end with LF or CRLF, in bounded memory. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #unfinished = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    const lines = (this.#unfinished + this.#decoder.write(chunk)).split('\n');
    this.#unfinished = lines.pop() ?? '';
    for (const line of lines) this.#onLine(withoutReturn(line));
    if (this.#unfinished.length > LONGEST_LINE) this.#takeUnfinished();
  }

  /** Takes what is left as a line. */
  end(): void {
    this.#unfinished += this.#decoder.end();
    this.#takeUnfinished();
  }

  #takeUnfinished(): void {
    if (this.#unfinished !== '') this.#onLine(withoutReturn(this.#unfinished));
    this.#unfinished = '';
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
