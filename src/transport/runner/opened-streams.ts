import { subscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** A stream as it was opened, on its session. */
export type OpenedStream = { readonly stream: ClientHttp2Stream; readonly session: ClientHttp2Session };

const OPENED = 'turboci:stream opened';

/**
 * Tells of each stream of HTTP/2 that this process opens on a socket. grpc-js keeps its sessions to itself, and with them
 * what the peer has to say about concurrent streams; Node's diagnostics channel shows them.
 */
export function onStreamOpened(socket: Socket, listener: (opened: OpenedStream) => void): void {
  socket.on(OPENED, listener);
}

// A session shows no more than a proxy of its socket, which knows the listeners of the socket.
subscribe('http2.client.stream.created', (message) => {
  if (!isCreation(message)) return;
  const { stream } = message;
  const { session } = stream;
  for (const tell of session?.socket.listeners(OPENED) ?? []) tell({ stream, session });
});

/** The form that Node documents for the messages of this channel. */
function isCreation(message: unknown): message is { readonly stream: ClientStream } {
  return typeof message === 'object' && message !== null && 'stream' in message;
}

type ClientStream = ClientHttp2Stream & { readonly session: ClientHttp2Session | undefined };
