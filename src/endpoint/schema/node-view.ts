import { oneOf } from './fields.ts';

/** How much of each node to answer; unset means FULL. */
export const nodeView = oneOf(['BASIC', 'FULL']).default('FULL');
