import { stripVTControlCharacters, styleText } from 'node:util';

/** How a piece of text is to look on a terminal. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives text its look, or leaves it plain where nobody would see it. */
export type Paint = (style: Style, text: string) => string;

export const plainPaint: Paint = (_, text) => text;

/** Where the command writes: lines of text, with colours only if a terminal that wants them is at the other end. */
export class Output {
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
    // NO_COLOR, FORCE_COLOR and the terminal's abilities are looked at by styleText; a pipe never gets escape codes.
    this.paint = stream.isTTY ? (style, text) => styleText(style, text, { stream }) : plainPaint;
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true;
  }

  line(text = ''): void {
    this.stream.write(`${text}\n`);
  }

  lines(texts: readonly string[]): void {
    if (texts.length > 0) this.line(texts.join('\n'));
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }
}

/** Characters that reorder what a terminal shows. */
const REORDERING = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** Other people's words in one line: without anything that could move the cursor or show it in another order. */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(REORDERING, '')
    .replaceAll(/\p{Cc}+/gu, ' ');
}

/** The same without space around it. */
export function oneLine(text: string): string {
  return printable(text).trim();
}
