import { test } from 'vitest';
import { effort } from '../support/effort.ts';
import { Siege } from './siege.ts';
import { affordable, idleConnections, slowSenders, unreadAnswers } from './slow.ts';

const ROUNDS = effort(1, 20);
const CONNECTIONS = 2000;
const UNREAD_BYTES = 24 * 1024 ** 2;

test('peers that send slowly, read nothing or say nothing are let go, and cost nobody else anything', {
  timeout: 120_000 * ROUNDS,
}, async () => {
  const siege = await Siege.start({
    REQUEST_TIMEOUT: '2s',
    GRPC_KEEPALIVE_TIME: '3s',
    GRPC_KEEPALIVE_TIMEOUT: '3s',
    GRPC_MAX_SEND_BYTES: String(UNREAD_BYTES),
  });
  for (let round = 0; round < ROUNDS; round++) {
    await siege.withstand('slow senders', slowSenders(300));
    const answers = { calls: 60, nodes: 5000, nodeBytes: 800, limitBytes: UNREAD_BYTES };
    await siege.withstand('unread answers', unreadAnswers(answers));
    await siege.withstand('idle connections', idleConnections(affordable(CONNECTIONS)));
  }
  await siege.end();
});
