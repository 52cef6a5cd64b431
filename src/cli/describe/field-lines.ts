import type { Paint } from '../output.ts';

/** A label and what stands behind it: one line or several; nothing is shown of an empty one. */
export type Field = readonly [label: string, value: string | readonly string[]];

const LABEL_WIDTH = 11;

/** Labels and values in two columns; further lines of a value stand below its first. */
export function fieldLines(fields: readonly Field[], indent: string, paint: Paint): readonly string[] {
  return fields.flatMap(([label, value]) =>
    [value]
      .flat()
      .filter((line) => line !== '')
      .map(
        (line, at) => `${indent}${at === 0 ? paint('dim', label.padEnd(LABEL_WIDTH)) : ' '.repeat(LABEL_WIDTH)}${line}`,
      ),
  );
}
