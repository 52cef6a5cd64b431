import type { Check } from '../domain/check.ts';
import type { JsonObject } from '../domain/json.ts';

export interface CheckReader {
  get(planId: string, id: string): Promise<Check | undefined>;
  options(planId: string, id: string): Promise<JsonObject | undefined>;
}

export interface CheckRepository extends CheckReader {
  /** Creation order is the order of insertion. */
  insert(check: Check, options: JsonObject | undefined): Promise<void>;
  /** Stores everything but the options. */
  update(check: Check): Promise<void>;
  setOptions(planId: string, id: string, options: JsonObject): Promise<void>;
  /** Ids of the checks that are not FINAL, by creation. */
  openIds(planId: string): Promise<readonly string[]>;
}
