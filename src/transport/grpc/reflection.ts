import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { file_google_rpc_error_details } from '../../../gen/google/rpc/error_details_pb.js';
import { file_google_rpc_status } from '../../../gen/google/rpc/status_pb.js';
import { Health } from '../../../gen/grpc/health/v1/health_pb.js';

/**
 * Adds server reflection, v1 and v1alpha, for the given services and health: tools need no copy of the contract. The messages of
 * error details are in it too, so that tools can show them.
 */
export function addReflection(server: Server, ownServices: readonly DescService[]): void {
  const services = [...ownServices, Health];
  const roots = [...services.map((service) => service.file), file_google_rpc_error_details, file_google_rpc_status];
  const fileDescriptorProtos = withImports(roots).map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  // Of a definition, reflection reads nothing but the descriptors.
  const root = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ root }, { services: services.map((service) => service.typeName) }).addToServer(server);
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
