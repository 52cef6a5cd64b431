/** Steps from the top of a plan file to a value: keys, and positions in lists. */
export type PlanPath = readonly (string | number)[];

/** Something wrong with a plan, before it is known where in the file that is. */
export type Finding = {
  readonly path: PlanPath;
  /** What is wrong, and what to do about it. */
  readonly message: string;
  /** The key itself is meant, not its value. */
  readonly atKey?: boolean;
};

/** Something wrong with a plan file. Line and column count from 1. */
export type PlanProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** E.g. `stages.unit.needs[1]`; empty = the file as a whole. */
  readonly path: string;
  readonly message: string;
};

/** The form that editors and terminals make clickable: `file:line:column: path: message`. */
export function problemLine({ file, line, column, path, message }: PlanProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
}

/** A path as people write it. */
export function pathText(path: PlanPath): string {
  return path
    .map((step, at) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\p{L}\p{N}_-]+$/u.test(step)) return `[${JSON.stringify(step)}]`;
      return at === 0 ? step : `.${step}`;
    })
    .join('');
}
