import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Dice } from '../dice.ts';

/** Below the ports that the system gives to connections: while the server is away, one of them might be given its port. */
const LOWEST = 20_000;
const COUNT = 12_000;

/** A port that is free, and stays so between the servers that listen on it in turn. */
export async function steadyPort(dice: Dice): Promise<number> {
  for (;;) {
    const port = LOWEST + dice.below(COUNT);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
