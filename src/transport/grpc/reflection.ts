import { createRequire } from 'node:module';
import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import type * as Library from '@grpc/reflection';
import { file_google_rpc_error_details } from '../../../gen/google/rpc/error_details_pb.js';
import { file_google_rpc_status } from '../../../gen/google/rpc/status_pb.js';
import { Health } from '../../../gen/grpc/health/v1/health_pb.js';

/** Paths of reflection begin so. */
const PATHS = ['/grpc.reflection.v1.', '/grpc.reflection.v1alpha.'];

/** What the library adds to a server. */
const METHODS = PATHS.map((path) => `${path}ServerReflection/ServerReflectionInfo`);

/**
 * Server reflection, v1 and v1alpha, for the given services and health: tools need no copy of the contract. The messages of
 * error details are in it too, so that tools can show them. It is loaded for the first call that explores: it takes memory
 * and some 20 ms that most servers need not spend.
 */
export class Reflection {
  readonly #services: readonly DescService[];
  #isAdded = false;

  constructor(ownServices: readonly DescService[]) {
    this.#services = [...ownServices, Health];
  }

  /** Whether a path is one of its own. */
  owns(path: string): boolean {
    return PATHS.some((prefix) => path.startsWith(prefix));
  }

  /** Adds its handlers to the server, once. Throws if it can not be loaded; nothing is added then. */
  addTo(server: Server): void {
    if (this.#isAdded) return;
    try {
      this.#load(server);
      this.#isAdded = true;
    } catch (error) {
      for (const method of METHODS) server.unregister(method);
      throw error;
    }
  }

  #load(server: Server): void {
    // `import` would answer too late: the call that needs it is looking for its handler.
    const { ReflectionService }: typeof Library = createRequire(import.meta.url)('@grpc/reflection');
    const files = this.#services.map((service) => service.file);
    const fileDescriptorProtos = withImports([...files, file_google_rpc_error_details, file_google_rpc_status]).map(
      (file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
    );
    // Of a definition, reflection reads nothing but the descriptors.
    const root = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const;
    const services = this.#services.map((service) => service.typeName);
    new ReflectionService({ root }, { services }).addToServer(server);
  }
}

function withImports(roots: readonly DescFile[]): readonly DescFile[] {
  const found = new Set<DescFile>();
  const open = [...roots];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...next.dependencies);
  }
  return [...found];
}
