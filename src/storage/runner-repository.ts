import type { RunnerRegistration } from '../domain/runner.ts';

export interface RunnerReader {
  /** All registrations, expired ones included, by runner type and runner id. */
  list(): Promise<readonly RunnerRegistration[]>;
}

export interface RunnerRepository extends RunnerReader {
  /** The registration of a runner for one type. */
  find(runnerId: string, runnerType: string): Promise<RunnerRegistration | undefined>;
  /** Stores a registration in place of an older one of the same runner and type. */
  put(registration: RunnerRegistration): Promise<void>;
  /** Deletes a registration; answers whether there was one. */
  remove(registrationId: string): Promise<boolean>;
}
