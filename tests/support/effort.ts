/**
 * How much a randomized or exhaustive test does: a size that a merge can wait for, or, with `npm run test:night`
 * (NIGHT=1), one that nobody waits for.
 */
export function effort(everyRun: number, atNight: number): number {
  return isNight ? atNight : everyRun;
}

export const isNight: boolean = process.env.NIGHT === '1';
