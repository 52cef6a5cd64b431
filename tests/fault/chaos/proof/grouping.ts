/** Things that have to do with one other thing, by its name. */
export type Grouped<T> = ReadonlyMap<string, readonly T[]>;

export type AttemptName = { readonly plan: string; readonly stage: string; readonly idx: number };

export function attemptName({ plan, stage, idx }: AttemptName): string {
  return `${plan}/${stage}:${idx}`;
}

/** The groups of more than one. */
export function repeated<T>(items: readonly T[], nameOf: (item: T) => string): readonly [string, readonly T[]][] {
  return [...Map.groupBy(items, nameOf)].filter(([, all]) => all.length > 1);
}
