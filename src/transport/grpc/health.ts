import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** The standard health service (grpc.health.v1) over the given services and the server as a whole, which is "". */
export class Health {
  readonly #names: readonly string[];
  readonly #service: HealthImplementation;

  constructor(serviceNames: readonly string[]) {
    this.#names = ['', ...serviceNames];
    this.#service = new HealthImplementation(Object.fromEntries(this.#names.map((name) => [name, 'SERVING'])));
  }

  addTo(server: Server): void {
    this.#service.addToServer(server);
  }

  /** Whether balancers may send anything; those that watch are told at once. */
  announce(isServing: boolean): void {
    for (const name of this.#names) this.#service.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  }
}

/** Paths of the health service begin so; it is answered even while the server drains. */
export const HEALTH_PATH = '/grpc.health.v1.Health/';
