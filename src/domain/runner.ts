import type { ExecutionMode } from './stage.ts';

/** A runner's word that it executes attempts of one type. Times are milliseconds since the epoch, spans milliseconds. */
export type RunnerRegistration = {
  readonly registrationId: string;
  /** With the type, what a renewal is known by. */
  readonly runnerId: string;
  readonly runnerType: string;
  /** Where its StageRunner service is served; empty = it only pulls. */
  readonly address: string;
  /** In which modes it may be called. */
  readonly modes: readonly ExecutionMode[];
  /** 0 = unlimited. */
  readonly maxConcurrent: number;
  readonly ttlMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly registeredAt: number;
  /** When it last registered. */
  readonly renewedAt: number;
  readonly expiresAt: number;
};

/** A registration as clients see it. */
export type RunnerView = RunnerRegistration & {
  /** Attempts that it has now, those being handed out included. */
  readonly currentLoad: number;
  /** Nothing is pushed to it for a while, since the last call could not be delivered. */
  readonly suspended: boolean;
};
