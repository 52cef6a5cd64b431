import type {
  ListStageRunnersRequest as ListPb,
  ListStageRunnersResponse as ListResponsePb,
  RegisterStageRunnerRequest as RegisterPb,
  RegisterStageRunnerResponse as RegisterResponsePb,
  StageRunnerInfo as RunnerPb,
  UnregisterStageRunnerRequest as UnregisterPb,
  UnregisterStageRunnerResponse as UnregisterResponsePb,
} from '../../../gen/turboci/v1/service_pb.js';
import type { RunnerView } from '../../domain/runner.ts';
import { executionMode } from './enums.ts';
import { toTimestamp } from './time.ts';

export function decodeRegister(request: RegisterPb) {
  return {
    runnerId: request.runnerId,
    runnerType: request.runnerType,
    address: request.address,
    supportedModes: request.supportedModes.map((mode) => executionMode.read(mode) ?? 'SYNC'),
    maxConcurrent: request.maxConcurrent,
    ttlSeconds: Number(request.ttlSeconds),
    metadata: request.metadata,
  };
}

export function encodeRegister(registered: {
  readonly registrationId: string;
  readonly expiresAt: number;
}): RegisterResponsePb {
  return {
    $typeName: 'turboci.v1.RegisterStageRunnerResponse',
    registrationId: registered.registrationId,
    expiresAt: toTimestamp(registered.expiresAt),
  };
}

export function decodeUnregister({ registrationId }: UnregisterPb) {
  return { registrationId };
}

export function encodeUnregister(): UnregisterResponsePb {
  return { $typeName: 'turboci.v1.UnregisterStageRunnerResponse' };
}

export function decodeListRunners({ runnerType }: ListPb) {
  return { runnerType };
}

export function encodeRunners(runners: readonly RunnerView[]): ListResponsePb {
  return { $typeName: 'turboci.v1.ListStageRunnersResponse', runners: runners.map(encodeRunner) };
}

function encodeRunner(runner: RunnerView): RunnerPb {
  return {
    $typeName: 'turboci.v1.StageRunnerInfo',
    runnerId: runner.runnerId,
    registrationId: runner.registrationId,
    runnerType: runner.runnerType,
    address: runner.address,
    supportedModes: runner.modes.map((mode) => executionMode.value[mode]),
    maxConcurrent: runner.maxConcurrent,
    currentLoad: runner.currentLoad,
    registeredAt: toTimestamp(runner.registeredAt),
    lastHeartbeat: toTimestamp(runner.renewedAt),
    expiresAt: toTimestamp(runner.expiresAt),
    metadata: runner.metadata,
    suspended: runner.suspended,
  };
}
