import type { Storage } from '../../src/storage/storage.ts';

export type OpenOptions = {
  /** Units of work that may wait for the writer. */
  readonly writeQueue: number;
  /** Is told what went wrong in an effect after a commit. */
  readonly onEffectError: (error: unknown) => void;
};

/** Opens an empty storage; the suite closes it. */
export type OpenStorage = (options: OpenOptions) => Promise<Storage>;

/** What a group of cases works on: a fresh storage for each test. */
export type Subject = {
  readonly storage: () => Storage;
  readonly effectErrors: () => readonly unknown[];
  /** Units that may wait for the writer of this storage. */
  readonly writeQueue: number;
};
