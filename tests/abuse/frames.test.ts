import { test } from 'vitest';
import { Dice, seedFrom } from '../fault/dice.ts';
import { effort } from '../support/effort.ts';
import {
  continuationFlood,
  goneCallers,
  hpackBomb,
  hugeHeaders,
  pingFlood,
  rapidReset,
  settingsFlood,
} from './floods.ts';
import { badFrames, badHpack, noise, strangers } from './malformed.ts';
import { Siege } from './siege.ts';

const ROUNDS = effort(1, 40);

/** Of 10,000 calls whose callers are gone, less than 200 bytes each may stay: none of them, that is. */
const GONE_LIVE_BYTES = 2e6;

test('malformed frames and floods of good ones cost a peer its connection, and nobody else anything', {
  timeout: 120_000 * ROUNDS,
}, async () => {
  const dice = new Dice(seedFrom('ABUSE_SEED'));
  const siege = await Siege.start();
  for (let round = 0; round < ROUNDS; round++) {
    await siege.withstand('noise', noise(dice.fork(), 50));
    await siege.withstand('other protocols', strangers);
    await siege.withstand('bad frames', badFrames);
    await siege.withstand('bad HPACK', badHpack);
    await siege.withstand('rapid reset', rapidReset({ peers: 4, streams: 3000, contentType: 'application/grpc' }));
    await siege.withstand('rapid reset, not gRPC', rapidReset({ peers: 4, streams: 3000, contentType: 'text/plain' }));
    await siege.withstand('callers that are gone', goneCallers(20), GONE_LIVE_BYTES);
    await siege.withstand('CONTINUATION flood', continuationFlood(20));
    await siege.withstand('SETTINGS flood', settingsFlood(10));
    await siege.withstand('PING flood', pingFlood(10));
    await siege.withstand('huge headers', hugeHeaders(20));
    await siege.withstand('HPACK bomb', hpackBomb(20));
  }
  await siege.end();
});
