import { createHash } from 'node:crypto';
import { access, constants, type FileHandle, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeFolder } from './make-folder.ts';

/** Which attempt a log belongs to. */
export type LogKey = { readonly planId: string; readonly stageId: string; readonly attemptIdx: number };

/** A log that is being written. One writer; each write is awaited before the next. */
export interface AttemptLog {
  readonly path: string;
  /** The first fault in writing, if any. From then on nothing more is written: a full disk must not fail a command. */
  readonly fault: string | undefined;
  /** Appends, up to the cap; then a note that the log was cut ends it. Never rejects. */
  write(bytes: Uint8Array): Promise<void>;
  /** Never rejects. */
  close(): Promise<void>;
}

/** The log files of attempts, one each: `DIR/<plan>/<stage>/<idx>.log`, readable for the server's user only. */
export interface LogStore {
  /** The absolute path of an attempt's log, whether it exists or not. */
  pathOf(key: LogKey): string;
  /** Makes the folder of all logs. Rejects if it cannot be made, or not be written. */
  prepare(): Promise<void>;
  /** Begins an attempt's log, empty. Rejects if the file cannot be made. */
  open(key: LogKey): Promise<AttemptLog>;
  /** Removes all logs of a plan; none there is fine. */
  removePlan(planId: string): Promise<void>;
}

/** Logs under `dir`, each of at most `maxBytes`, its note included. */
export function createLogStore(dir: string, maxBytes: number): LogStore {
  const root = resolve(dir);
  const pathOf = ({ planId, stageId, attemptIdx }: LogKey): string =>
    join(root, fileNameOf(planId), fileNameOf(stageId), `${attemptIdx}.log`);
  return {
    pathOf,
    prepare: async () => {
      await makeFolder(root);
      await access(root, constants.W_OK | constants.X_OK);
    },
    open: async (key) => {
      const path = pathOf(key);
      await makeFolder(dirname(path));
      return new CappedLog(path, await open(path, 'w', 0o600), maxBytes);
    },
    removePlan: (planId) => rm(join(root, fileNameOf(planId)), { recursive: true, force: true }),
  };
}

class CappedLog implements AttemptLog {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #note: Buffer;
  /** Bytes that may still be written before the note. */
  #room: number;
  #isCut = false;
  #fault: string | undefined;

  constructor(path: string, file: FileHandle, maxBytes: number) {
    this.path = path;
    this.#file = file;
    this.#note = Buffer.from(`\n[turboci: cut here, a log has at most ${maxBytes} bytes]\n`);
    this.#room = Math.max(0, maxBytes - this.#note.length);
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isCut || this.#fault !== undefined) return;
    const kept = bytes.subarray(0, this.#room);
    this.#room -= kept.length;
    this.#isCut = kept.length < bytes.length;
    await this.#try(() => this.#file.appendFile(this.#isCut ? Buffer.concat([kept, this.#note]) : kept));
  }

  async close(): Promise<void> {
    await this.#try(() => this.#file.close());
  }

  async #try(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      this.#fault ??= error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * A safe file name for an id: the id itself if it is plain (lower case, so that file systems that ignore case keep two
 * ids apart), else what is readable of it and a hash. Plain ids have no "~", so the two forms never meet.
 */
function fileNameOf(id: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/u.test(id)) return id;
  const readable = id.replaceAll(/[^A-Za-z0-9._-]/gu, '_').slice(0, 60);
  return `_${readable}~${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}
