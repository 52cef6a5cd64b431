/** The promises of the product, by number; docs/reliability.md says each in words. */
export type PromiseName = `P${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14}`;

/** One replacement in a source file; the text stands there exactly once. */
export type Plant = { readonly file: string; readonly text: string; readonly by: string };

/** A test file, or those tests in it whose full name contains the text; that may stand in a file which it imports. */
export type Watchdog = { readonly file: string; readonly test?: string; readonly titledIn?: string };

/** A bug that is planted on purpose, in a copy of the tree: the tests named must fail on it. */
export type Canary = {
  readonly name: string;
  readonly promise: PromiseName;
  /** What the planted code does wrong. */
  readonly bug: string;
  /** It was, in these or other words, a bug of this code that was found and mended. */
  readonly isReal?: true;
  readonly plants: readonly Plant[];
  /** Each of them that this machine can run must catch it by itself. */
  readonly caughtBy: readonly Watchdog[];
};
