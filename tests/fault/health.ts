import { Client, credentials } from '@grpc/grpc-js';

const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** An answer is one field, the status; the protobuf default 0 is left out. */
const STATUS_BYTE = 1;

/** Watches the health of the server as a whole, as a load balancer does. */
export async function* watchHealth(address: string): AsyncGenerator<(typeof STATUS)[number] | undefined> {
  const client = new Client(address, credentials.createInsecure());
  const call = client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => STATUS[bytes[STATUS_BYTE] ?? 0],
    Buffer.alloc(0),
  );
  try {
    yield* call;
  } finally {
    call.cancel();
    client.close();
  }
}
