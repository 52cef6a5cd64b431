import { type CheckState, checkStates } from './check.ts';
import type { Machine } from './machine.ts';

/** The life of a check (semantics, sections 2, 7 and 8). */
export const checkMachine: Machine<CheckState> = {
  name: 'Check',
  states: checkStates,
  transitions: [
    { from: 'NEW', to: 'PLANNING', by: 'writer', when: 'default' },
    { from: 'NEW', to: 'PLANNED', by: 'writer', when: 'written' },
    { from: 'NEW', to: 'WAITING', by: 'writer', when: 'dependencies satisfied in the same write' },
    { from: 'NEW', to: 'FINAL', by: 'writer', when: 'written' },
    { from: 'NEW', to: 'FINAL', by: 'server', when: 'born in a cancelled plan' },
    { from: 'PLANNING', to: 'PLANNED', by: 'writer', when: 'written' },
    { from: 'PLANNING', to: 'FINAL', by: 'writer', when: 'written' },
    { from: 'PLANNING', to: 'PLANNED', by: 'server', when: 'goal PLANNED or FINAL is due' },
    { from: 'PLANNING', to: 'FINAL', by: 'server', when: 'goal PLANNED failed, or plan cancelled' },
    { from: 'PLANNED', to: 'WAITING', by: 'writer', when: 'only once satisfied: a no-op then' },
    { from: 'PLANNED', to: 'FINAL', by: 'writer', when: 'written' },
    { from: 'PLANNED', to: 'WAITING', by: 'server', when: 'dependencies satisfied' },
    { from: 'PLANNED', to: 'FINAL', by: 'server', when: 'dependencies unsatisfiable (SKIPPED), or plan cancelled' },
    { from: 'WAITING', to: 'FINAL', by: 'writer', when: 'written' },
    { from: 'WAITING', to: 'FINAL', by: 'server', when: 'goal FINAL is due, or plan cancelled' },
  ],
};
