import type { Dice } from '../../fault/dice.ts';

/** One of several things, each as often as its weight says. */
export function weighted<T>(dice: Dice, choices: readonly (readonly [weight: number, value: T])[]): T {
  let left = dice.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  const last = choices.at(-1);
  if (last === undefined) throw new Error('nothing to choose from');
  return last[1];
}

/** The value with the given probability, else undefined. */
export function maybe<T>(dice: Dice, probability: number, value: () => T): T | undefined {
  return dice.chance(probability) ? value() : undefined;
}
