import { createRequire } from 'node:module';
import type { Server } from '@grpc/grpc-js';
import type * as Library from 'grpc-health-check';
import type { LateService } from './missing-handlers.ts';

/** Paths of the health service begin so; it is answered even while the server drains. */
const HEALTH_PATH = '/grpc.health.v1.Health/';

/** The standard health service (grpc.health.v1) over the given services and the server as a whole, which is "". */
export class Health implements LateService {
  readonly #names: readonly string[];
  #isServing = true;
  #service: Library.HealthImplementation | undefined;

  constructor(serviceNames: readonly string[]) {
    this.#names = ['', ...serviceNames];
  }

  owns(path: string): boolean {
    return path.startsWith(HEALTH_PATH);
  }

  addTo(server: Server): void {
    const { HealthImplementation }: typeof Library = createRequire(import.meta.url)('grpc-health-check');
    this.#service = new HealthImplementation();
    this.announce(this.#isServing);
    this.#service.addToServer(server);
  }

  /** Whether balancers may send anything; those that watch are told at once. */
  announce(isServing: boolean): void {
    this.#isServing = isServing;
    for (const name of this.#names) this.#service?.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  }
}
