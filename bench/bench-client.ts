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
import { Http2Client } from './http2/client.ts';

/** Calls a server, with as little as possible beside what is measured. */
export class BenchClient {
  readonly #h2: Http2Client;

  constructor(address: string) {
    this.#h2 = new Http2Client(address);
  }

  /** Sends bytes and answers bytes: neither coding nor decoding is measured. */
  raw(path: string, request: Buffer): Promise<Buffer> {
    return this.#h2.unary(path, request);
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
    const { opened, last } = this.#h2.stream(pathOf(method), encode(method, request));
    return { opened, last: last.then((bytes) => fromBinary(method.output, bytes)) };
  }

  close(): void {
    void this.#h2.close();
  }
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function encode<I extends DescMessage>(method: { readonly input: I }, request: MessageInitShape<I>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, request)));
}
