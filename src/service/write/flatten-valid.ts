import { type FlatDependencies, flatten } from '../../domain/dependency/flatten.ts';
import type { DependencyGroup } from '../../domain/dependency/group.ts';
import { invariant } from '../../domain/error.ts';

/** The rows of a group tree that the endpoint has found to be without fault. */
export function flattenValid(group: DependencyGroup): FlatDependencies {
  const flattened = flatten(group);
  invariant('flat' in flattened, 'a dependency group passed validation and can not be flattened');
  return flattened.flat;
}
