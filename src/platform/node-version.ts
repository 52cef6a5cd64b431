/** The first Node that runs the SQLite binding: on an older one it ends the process with a segmentation fault. */
const LEAST_NODE = '22.22.2';

/** This Node is too old; the message says which one is needed. */
export class NodeVersionError extends Error {
  constructor(version: string) {
    super(`Node ${LEAST_NODE} or later is needed, and this is Node ${version}`);
    this.name = 'NodeVersionError';
  }
}

/** Throws NodeVersionError if the program cannot run on this Node. To be called before a database is opened. */
export function assertNodeVersion(version: string = process.versions.node): void {
  const [given, least] = [numbers(version), numbers(LEAST_NODE)];
  const firstDifference = least.map((part, at) => (given[at] ?? 0) - part).find((difference) => difference !== 0) ?? 0;
  if (firstDifference < 0) throw new NodeVersionError(version);
}

function numbers(version: string): readonly number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10));
}
