import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A system call of a recorded server, at the place where its effect belongs. */
export type RecordedCall =
  | { readonly kind: 'write'; readonly file: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'sync'; readonly file: string }
  | { readonly kind: 'truncate'; readonly file: string; readonly size: number }
  | { readonly kind: 'unlink'; readonly file: string }
  | { readonly kind: 'send'; readonly socket: string; readonly bytes: Buffer };

/** `PID CALL(FD<FILE>, ARGUMENTS) = RESULT`, or without its end when another thread came between. */
const CALL = /^\d+ +(\w+)\((?:(\d+)<((?:\\x[0-9a-f]{2}|->|[^>\\])*)>)?(.*)$/;
const RESUMED_SYNC = /^(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>\) += 0/;
const UNFINISHED_SYNC = /^(\d+) +(?:fsync|fdatasync)\(\d+<([^>]*)> *<unfinished/;
const RESULT = /\) += (-?\d+)/;

/** Reads what `launchRecorded` has recorded, in order: writes where they begin, syncs where they have succeeded. */
export async function readRecord(path: string): Promise<readonly RecordedCall[]> {
  const calls: RecordedCall[] = [];
  const syncing = new Map<string, string>();
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    const [, waiting, synced] = UNFINISHED_SYNC.exec(line) ?? [];
    if (waiting !== undefined && synced !== undefined) {
      syncing.set(waiting, textOf(synced));
      continue;
    }
    const [, resumed] = RESUMED_SYNC.exec(line) ?? [];
    const call = resumed === undefined ? callOf(line) : syncOf(syncing.get(resumed));
    if (call !== undefined) calls.push(call);
  }
  return calls;
}

function callOf(line: string): RecordedCall | undefined {
  const [, name, fd, target = '', rest = ''] = CALL.exec(line) ?? [];
  const result = Number(RESULT.exec(rest)?.[1] ?? 0);
  if (name === undefined || result < 0) return undefined;
  const file = textOf(target);
  switch (name) {
    case 'fsync':
    case 'fdatasync':
      return syncOf(file);
    case 'pwrite64':
      return {
        kind: 'write',
        file,
        offset: Number(/, (\d+)\)? *(?:=|<unfinished|$)/.exec(rest)?.[1]),
        bytes: bytesOf(rest),
      };
    case 'ftruncate':
      return { kind: 'truncate', file, size: Number(/, (\d+)/.exec(rest)?.[1]) };
    case 'unlink':
      return fd === undefined ? { kind: 'unlink', file: bytesOf(rest).toString() } : undefined;
    case 'write':
    case 'writev':
    case 'sendmsg':
      return file.startsWith('TCP')
        ? { kind: 'send', socket: file, bytes: bytesOf(rest).subarray(0, result || undefined) }
        : undefined;
    default:
      return undefined;
  }
}

function syncOf(file: string | undefined): RecordedCall | undefined {
  return file === undefined ? undefined : { kind: 'sync', file };
}

/** All strings among the arguments of a call, one after the other. */
function bytesOf(text: string): Buffer {
  const strings = text.match(/"(?:\\x[0-9a-f]{2})*"/g) ?? [];
  return Buffer.from(strings.join('').replaceAll(/\\x|"/g, ''), 'hex');
}

function textOf(escaped: string): string {
  return escaped.includes('\\x') ? bytesOf(`"${escaped}"`).toString() : escaped;
}
