import { InvalidArgumentError } from 'commander';

/** A whole number of 0 or more, as an option's value. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/u.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('expected a whole number, 0 or more');
  return value;
}

/** `KEY=VALUE`, collected over repeated options. */
export function keyValue(text: string, before?: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
