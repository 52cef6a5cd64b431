import { OrchestratorClient } from './client.ts';
import type { RunnerSystem } from './system.ts';

/** Clients of the addresses that executions report to: one for each, closed when nobody needs it any more. */
export class Clients {
  readonly #system: RunnerSystem;
  readonly #open = new Map<string, { readonly client: OrchestratorClient; users: number }>();

  constructor(system: RunnerSystem) {
    this.#system = system;
  }

  /** A client of the address, for as long as `use` takes. */
  lease(address: string): { readonly client: OrchestratorClient; readonly release: () => void } {
    const entry = this.#open.get(address) ?? { client: new OrchestratorClient(address, this.#system), users: 0 };
    this.#open.set(address, entry);
    entry.users += 1;
    const release = (): void => {
      entry.users -= 1;
      if (entry.users > 0) return;
      this.#open.delete(address);
      entry.client.close();
    };
    return { client: entry.client, release };
  }
}
