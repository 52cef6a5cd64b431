import { stripVTControlCharacters } from 'node:util';

/** Control characters other than tab, and those that reorder what a terminal shows. */
const UNWANTED = /[^\P{Cc}\t]|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/**
 * What a terminal would show of a command's output, as plain lines: invalid UTF-8 replaced by U+FFFD, escape sequences
 * and control characters removed, of a line that overwrote itself (progress bars) the last version.
 */
export function plainText(bytes: Uint8Array): string {
  return stripVTControlCharacters(new TextDecoder().decode(bytes)).split('\n').map(lastVersion).join('\n');
}

function lastVersion(line: string): string {
  const text = line.replace(/\r+$/u, '');
  return text.slice(text.lastIndexOf('\r') + 1).replaceAll(UNWANTED, '');
}
