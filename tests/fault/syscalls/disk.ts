import { writeFileSync } from 'node:fs';
import type { Dice } from '../dice.ts';
import type { RecordedCall } from './record.ts';

/** What a disk may lose of a write that was not synced: any of its sectors. */
const SECTOR = 512;

type Change = Extract<RecordedCall, { kind: 'write' | 'truncate' }>;

/** A file as the disk has it for certain, and what was changed since. */
type DiskFile = { readonly content: Content; readonly unsynced: Change[] };

/** What stays of the files of a recorded server when the power fails: what was synced, and of the rest anything. */
export class Disk {
  readonly #files = new Map<string, DiskFile>();

  apply(call: RecordedCall): void {
    switch (call.kind) {
      case 'write':
      case 'truncate':
        this.#file(call.file).unsynced.push(call);
        break;
      case 'sync': {
        const { content, unsynced } = this.#file(call.file);
        for (const change of unsynced.splice(0)) content.apply(change);
        break;
      }
      case 'unlink':
        this.#files.delete(call.file);
        break;
      case 'send':
        break;
    }
  }

  /** Writes a file as it is after a power failure, with none of what was not synced or, with dice, some of it. */
  save(file: string, to: string, dice?: Dice): void {
    const { content, unsynced } = this.#file(file);
    const left = content.copy();
    if (dice !== undefined) {
      for (const change of unsynced.flatMap((whole) => survivors(whole, dice))) left.apply(change);
    }
    writeFileSync(to, left.bytes);
  }

  #file(name: string): DiskFile {
    const file = this.#files.get(name) ?? { content: new Content(), unsynced: [] };
    this.#files.set(name, file);
    return file;
  }
}

/** Bytes that grow. */
class Content {
  #bytes = Buffer.alloc(0);
  #size = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  copy(): Content {
    const copy = new Content();
    copy.#bytes = Buffer.from(this.bytes);
    copy.#size = this.#size;
    return copy;
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') {
      this.#reserve(change.size);
      this.#bytes.fill(0, change.size);
      this.#size = change.size;
      return;
    }
    const end = change.offset + change.bytes.length;
    this.#reserve(end);
    change.bytes.copy(this.#bytes, change.offset);
    this.#size = Math.max(this.#size, end);
  }

  #reserve(size: number): void {
    if (size > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(size, 2 * this.#bytes.length));
  }
}

/** The parts of a change that reached the disk although nobody waited for them. */
function survivors(change: Change, dice: Dice): readonly Change[] {
  if (dice.chance(0.4)) return [];
  if (change.kind === 'truncate' || dice.chance(0.7)) return [change];
  const sectors: Change[] = [];
  for (let from = 0; from < change.bytes.length; ) {
    const to = Math.min(change.bytes.length, from + SECTOR - ((change.offset + from) % SECTOR));
    if (dice.chance(0.5))
      sectors.push({ ...change, offset: change.offset + from, bytes: change.bytes.subarray(from, to) });
    from = to;
  }
  return sectors;
}
