import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { within } from './wait-for.ts';

/** How a call ended, read from its trailers (or headers, when there was nothing else). */
export type RawAnswer = { readonly httpStatus: number; readonly code: string; readonly reason: string };

/** A peer that speaks HTTP/2 as it likes: what a gRPC library would never send, or never read. */
export class Http2Peer {
  readonly session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  static async connect(port: number): Promise<Http2Peer> {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    onTestFinished(() => session.destroy());
    await once(session, 'connect');
    return new Http2Peer(session);
  }

  /** Begins a call; nobody reads its answer unless the caller does. */
  open(path: string, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => {});
    return stream;
  }

  /** A call with one body of any bytes. */
  async call(path: string, body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
    const stream = this.open(path, headers);
    let last: IncomingHttpHeaders = {};
    stream.on('response', (head) => {
      last = { ...last, ...head };
    });
    stream.on('trailers', (trailers) => {
      last = { ...last, ...trailers };
    });
    stream.resume();
    stream.end(body);
    await within(`the end of ${path}`, closed(stream));
    return answerOf(last);
  }
}

/** Resolves when a stream is closed, however it came to that. */
export function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()));
}

/** A message as gRPC frames it. */
export function frame(message: Buffer, { compressed = false } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function answerOf(headers: IncomingHttpHeaders): RawAnswer {
  const code = headers['grpc-status'];
  const details = headers['grpc-status-details-bin'];
  const bytes = typeof details === 'string' ? Buffer.from(details, 'base64') : Buffer.alloc(0);
  const info = fromBinary(StatusSchema, bytes).details.map((any) => anyUnpack(any, ErrorInfoSchema));
  return {
    httpStatus: Number(headers[':status']),
    code: typeof code === 'string' ? (status[Number(code)] ?? code) : '',
    reason: info.find((found) => found !== undefined)?.reason ?? '',
  };
}
