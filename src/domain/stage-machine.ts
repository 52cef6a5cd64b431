import type { Machine } from './machine.ts';
import { type StageState, stageStates } from './stage.ts';

/** The life of a stage (semantics, sections 3, 6 and 8). */
export const stageMachine: Machine<StageState> = {
  name: 'Stage',
  states: stageStates,
  transitions: [
    { from: 'NEW', to: 'PLANNED', by: 'writer', when: 'default' },
    { from: 'NEW', to: 'ATTEMPTING', by: 'writer', when: 'dependencies satisfied in the same write' },
    { from: 'NEW', to: 'FINAL', by: 'server', when: 'born cancelled' },
    { from: 'PLANNED', to: 'ATTEMPTING', by: 'writer', when: 'only once satisfied: a no-op then' },
    { from: 'PLANNED', to: 'FINAL', by: 'writer', when: 'skipped' },
    { from: 'PLANNED', to: 'ATTEMPTING', by: 'server', when: 'dependencies satisfied: attempt 1 is created' },
    { from: 'PLANNED', to: 'FINAL', by: 'server', when: 'unsatisfiable (SKIPPED), cancelled, or stage timeout' },
    { from: 'ATTEMPTING', to: 'AWAITING_GROUP', by: 'writer', when: 'ends the live attempt' },
    { from: 'ATTEMPTING', to: 'FINAL', by: 'writer', when: 'ends the live attempt' },
    { from: 'ATTEMPTING', to: 'AWAITING_GROUP', by: 'server', when: 'last attempt ended for good, group open' },
    { from: 'ATTEMPTING', to: 'FINAL', by: 'server', when: 'last attempt ended for good, group empty or resolved' },
    { from: 'AWAITING_GROUP', to: 'FINAL', by: 'writer', when: 'written' },
    { from: 'AWAITING_GROUP', to: 'FINAL', by: 'server', when: 'group resolved, cancelled, or stage timeout' },
  ],
};
