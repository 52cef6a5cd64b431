import type { Canary } from './canary.ts';
import { attempts } from './planted/attempts.ts';
import { durability } from './planted/durability.ts';
import { edges } from './planted/edges.ts';
import { execution } from './planted/execution.ts';
import { graph } from './planted/graph.ts';
import { watch } from './planted/watch.ts';

/** All canaries; the list grows with each real bug that is found. */
export const canaries: readonly Canary[] = [...durability, ...graph, ...attempts, ...execution, ...watch, ...edges];
