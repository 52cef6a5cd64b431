import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import {
  TurboCIOrchestrator,
  type WatchWorkPlanRequestSchema,
  type WorkPlanEvent,
  WorkPlanEventSchema,
} from '../../gen/turboci/v1/service_pb.js';
import { pathOf } from '../support/client.ts';
import { frame } from '../support/http2-peer.ts';
import { MessageReader } from './message-reader.ts';

export type WatchRequest = MessageInitShape<typeof WatchWorkPlanRequestSchema>;

/** How a watch ended: a gRPC code by name, or CUT when the stream or its connection broke. */
export type WatchEnd = string;

const method = TurboCIOrchestrator.method.watchWorkPlan;

/** An HTTP/2 connection to the server on which watches are held, without a library in between that reads ahead. */
export class WatchConnection {
  readonly session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => {});
  }

  /** Rejects when nobody listens. */
  static async open(address: string): Promise<WatchConnection> {
    const connection = new WatchConnection(connect(`http://${address}`));
    await once(connection.session, 'connect');
    return connection;
  }

  watch(request: WatchRequest, onEvent: (event: WorkPlanEvent) => void): WireWatch {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': pathOf(method),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const message = Buffer.from(toBinary(method.input, create(method.input, request)));
    stream.end(frame(message));
    return new WireWatch(stream, onEvent);
  }

  /** Without a farewell. */
  cut(): void {
    this.session.destroy();
    this.session.socket?.destroy();
  }
}

/** One watch as it travels. */
export class WireWatch {
  readonly #stream: ClientHttp2Stream;
  /** Resolves when the subscription stands, or with the end if it comes before that. */
  readonly opened: Promise<void>;
  readonly ended: Promise<WatchEnd>;
  #end: WatchEnd | undefined;

  constructor(stream: ClientHttp2Stream, onEvent: (event: WorkPlanEvent) => void) {
    this.#stream = stream;
    stream.on('error', () => {});
    const take = (headers: { readonly 'grpc-status'?: unknown }) => {
      const code = headers['grpc-status'];
      if (code !== undefined) this.#end = status[Number(code)] ?? String(code);
    };
    stream.once('response', take);
    stream.once('trailers', take);
    const reader = new MessageReader((message) => onEvent(fromBinary(WorkPlanEventSchema, message)));
    stream.on('data', (bytes: Buffer) => reader.push(bytes));
    this.ended = new Promise((resolve) => {
      stream.once('close', () => {
        // An error that could not be delivered comes as the code of the reset.
        const isCalmed = stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM;
        resolve(this.#end ?? (isCalmed ? 'RESOURCE_EXHAUSTED' : 'CUT'));
      });
    });
    this.opened = new Promise((resolve) => {
      stream.once('response', () => resolve());
      stream.once('close', () => resolve());
    });
  }

  /** Reads nothing until `resume`; what is under way fills the windows. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}
