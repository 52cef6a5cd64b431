import { NodeType } from '../../../gen/turboci/v1/common_pb.js';

/** A node of a plan. */
export type NodeName = { readonly type: NodeType; readonly id: string };

/** The nodes that a plan file may speak of: its own, and those that the plan on the server has already. */
export class KnownNames {
  readonly stages: ReadonlySet<string>;
  readonly checks: ReadonlySet<string>;

  constructor(stages: Iterable<string>, checks: Iterable<string>) {
    this.stages = new Set(stages);
    this.checks = new Set(checks);
  }

  /** What a bare name means: the stage of that name, or else the check. A stage also waits for the stages it adds. */
  resolve(name: string): NodeName | undefined {
    if (this.stages.has(name)) return { type: NodeType.STAGE, id: name };
    return this.checks.has(name) ? { type: NodeType.CHECK, id: name } : undefined;
  }
}
