import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder } from '../../support/scratch.ts';
import { answersIn } from './answers.ts';
import { orderFaults } from './order-faults.ts';
import { type RecordedCall, readRecord } from './record.ts';

const escaped = (bytes: Buffer | string) => Buffer.from(bytes).toString('hex').replaceAll(/../g, '\\x$&');

/** An HTTP/2 frame with data of the first stream: a message of one byte. */
const ANSWER = Buffer.from([0, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 7]);
const SOCKET = '30<TCP:[127.0.0.1:1->127.0.0.1:2]>';
const WAL = `24<${escaped('/a.db-wal')}>`;

const WRITE = `7 pwrite64(${WAL}, "${escaped('a mark')}", 6, 32) = 6`;
const SYNC = `7 fsync(${WAL}) = 0`;
const SEND = `7 writev(${SOCKET}, [{iov_base="${escaped(ANSWER.subarray(0, 9))}", iov_len=9}, {iov_base="${escaped(ANSWER.subarray(9))}", iov_len=6}], 2) = 15`;
const BROKEN_SYNC = [`7 fsync(${WAL} <unfinished ...>`, '8 write(6<x>, "", 0) = 0', '7 <... fsync resumed>) = 0'];

async function recorded(...lines: readonly string[]): Promise<readonly RecordedCall[]> {
  const path = join(await scratchFolder(), 'record');
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  return readRecord(path);
}

test('a record is read with its bytes, in order', async () => {
  const calls = await recorded(WRITE, ...BROKEN_SYNC, SEND);
  expect(calls).toEqual([
    { kind: 'write', file: '/a.db-wal', offset: 32, bytes: Buffer.from('a mark') },
    { kind: 'sync', file: '/a.db-wal' },
    { kind: 'send', socket: 'TCP:[127.0.0.1:1->127.0.0.1:2]', bytes: ANSWER },
  ]);
  expect(answersIn(calls)).toEqual([{ at: 2, message: Buffer.from([7]) }]);
});

test.for<[string, readonly string[], RegExp | undefined]>([
  ['after its sync', [WRITE, SYNC, SEND], undefined],
  ['after its sync, which another thread broke', [WRITE, ...BROKEN_SYNC, SEND], undefined],
  ['before its write', [SYNC, SEND, WRITE, SYNC], /before it was written/],
  ['before its sync', [WRITE, SEND, SYNC], /before it was synced/],
  ['during its sync', [WRITE, `7 fsync(${WAL} <unfinished ...>`, SEND, '7 <... fsync resumed>) = 0'], /was synced/],
  ['after a sync of another write', [WRITE, SYNC, WRITE, SEND, SYNC], /before it was synced/],
  ['after a sync that failed', [WRITE, `7 fsync(${WAL}) = -1 EIO (Input/output error)`, SEND], /was synced/],
  ['never', [WRITE, SYNC], /1 calls had 0 answers/],
])('an answer that leaves %s', async ([, lines, fault]) => {
  const calls = await recorded(...lines);
  const faults = orderFaults(calls, answersIn(calls), [{ call: 'Call', mark: 'a mark' }], '/a.db-wal').join();
  if (fault === undefined) expect(faults).toBe('');
  else expect(faults).toMatch(fault);
});
