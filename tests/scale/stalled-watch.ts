import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';

/** gRPC's five bytes before a message: not compressed, its length. */
const FRAME_HEAD_BYTES = 5;

/**
 * A watcher on a connection of its own that never reads: the stream's flow-control window (HTTP/2's default, 64 KiB)
 * fills up and is never opened again, while the connection stays alive and answers pings.
 */
export class StalledWatch {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  /** Resolves with the HTTP/2 error code when the server has reset the stream. */
  readonly cut: Promise<number>;

  private constructor(session: ClientHttp2Session, stream: ClientHttp2Stream) {
    this.#session = session;
    this.#stream = stream;
    this.cut = new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode ?? 0)));
    session.on('error', () => {});
    stream.on('error', () => {});
  }

  /** Resolves when the subscription stands. */
  static async open(address: string, workPlanId: string): Promise<StalledWatch> {
    const method = TurboCIOrchestrator.method.watchWorkPlan;
    const session = connect(`http://${address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${method.parent.typeName}/${method.name}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const watch = new StalledWatch(session, stream);
    const message = toBinary(method.input, create(method.input, { workPlanId }));
    const head = Buffer.alloc(FRAME_HEAD_BYTES);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    await once(stream, 'response');
    return watch;
  }

  get isCut(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  close(): void {
    this.#session.destroy();
  }
}
