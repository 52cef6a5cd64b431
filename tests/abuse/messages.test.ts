import { test } from 'vitest';
import { effort } from '../support/effort.ts';
import { deepNesting, emptyFrames, gzipBombs, lyingPrefixes, MESSAGE_BYTES, oneByteFrames } from './messages.ts';
import { Siege } from './siege.ts';

const ROUNDS = effort(1, 40);

test('messages that lie, nest, blow up or come in crumbs are refused, and cost nobody else anything', {
  timeout: 120_000 * ROUNDS,
}, async () => {
  const siege = await Siege.start({ TURBOCI_LIMIT_MESSAGE_BYTES: String(MESSAGE_BYTES) });
  for (let round = 0; round < ROUNDS; round++) {
    await siege.withstand('lying prefixes', lyingPrefixes);
    await siege.withstand('nesting', deepNesting);
    await siege.withstand('gzip bombs', gzipBombs);
    await siege.withstand('empty DATA frames', emptyFrames(4));
    await siege.withstand('one-byte DATA frames', oneByteFrames(4));
  }
  await siege.end();
});
