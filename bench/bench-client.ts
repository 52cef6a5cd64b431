import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Http2Client } from './http2-client.ts';

/** A grpc-js client that adds as little as it can to what is measured. */
export class BenchClient {
  readonly #client: Client;
  readonly #h2: Http2Client;

  constructor(address: string) {
    this.#h2 = new Http2Client(address);
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Sends bytes and answers bytes: neither coding nor decoding is measured. */
  raw(path: string, request: Buffer): Promise<Buffer> {
    return this.#h2.raw(path, request);
  }

  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return fromBinary(method.output, await this.raw(pathOf(method), encode(method, request)));
  }

  /** Reads a stream to its end; `opened` resolves when the server has accepted it, `last` with its last message. */
  drain<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): { readonly opened: Promise<void>; readonly last: Promise<MessageShape<O>> } {
    const bytes = encode(method, request);
    const call = this.#client.makeServerStreamRequest(pathOf(method), same, same, bytes, new Metadata(), {});
    const opened = new Promise<void>((resolve) => call.once('metadata', () => resolve()));
    const last = new Promise<MessageShape<O>>((resolve, reject) => {
      let latest = new Uint8Array();
      call.on('data', (message: Uint8Array<ArrayBuffer>) => {
        latest = message;
      });
      call.once('end', () => resolve(fromBinary(method.output, latest))).once('error', reject);
    });
    return { opened, last };
  }

  close(): void {
    this.#client.close();
    void this.#h2.close();
  }
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function encode<I extends DescMessage>(method: { readonly input: I }, request: MessageInitShape<I>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, request)));
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
