import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { onTestFinished } from 'vitest';

/** A call as it arrived: its headers and, once all of it is there, its body. */
export type RawCall = {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly body: Promise<Buffer>;
};

export type Http2Runner = {
  readonly address: string;
  readonly port: number;
  readonly calls: readonly RawCall[];
  readonly sessions: ReadonlySet<ServerHttp2Session>;
};

/** A runner that speaks HTTP/2 as the test likes: what a gRPC library would never do. */
export async function startHttp2Runner(
  onCall: (call: RawCall) => void | Promise<void>,
  settings: Settings = {},
): Promise<Http2Runner> {
  const server = createServer({ settings });
  const calls: RawCall[] = [];
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const call = { stream, headers, body: bodyOf(stream) };
    calls.push(call);
    void onCall(call);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  return { address: `127.0.0.1:${port}`, port, calls, sessions };
}

function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
  });
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** Answers with messages, each framed already, and a status behind them. */
export function respond(stream: ServerHttp2Stream, frames: readonly Buffer[], trailers: Record<string, string>): void {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  for (const frame of frames) stream.write(frame);
  stream.end();
}

/** Answers with headers only, which say the status as well. */
export function respondWithStatus(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ...HEADERS, ...trailers }, { endStream: true });
}
