const unitMs = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** A duration as people write it: one or more numbers, each with its unit. */
export const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/u;

/**
 * Milliseconds of a duration as people write it: one or more numbers, each with its unit (`ms`, `s`, `m`, `h`), such as
 * `250ms`, `30s`, `1m30s` or `1.5h`; rounded to whole milliseconds. Undefined if the text has another form (a bare
 * number and a sign included) or means more than 2^53 − 1 milliseconds.
 */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/gu)) {
    total += Number(amount) * (unitMs.get(unit ?? '') ?? Number.NaN);
  }
  const rounded = Math.round(total);
  return Number.isSafeInteger(rounded) ? rounded : undefined;
}
