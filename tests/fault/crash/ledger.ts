import type { Write } from './batch.ts';
import type { History, StoredWrite } from './history.ts';

/** A node as an answer showed it. */
export type SeenNode = {
  readonly key: string;
  readonly state: number;
  readonly version: number;
  readonly revision: number;
};

/** What a client was told about a write. */
export type Acknowledgement = { readonly revision: number; readonly nodes: readonly SeenNode[] };

const FINAL = 40;

/** What the clients know: every write that they sent, and every answer that they got. */
export class Ledger {
  readonly #plans = new Set<string>();
  readonly #sent = new Map<string, Write>();
  readonly #acknowledged = new Map<string, Acknowledgement>();
  #finals: ReadonlyMap<string, string> = new Map();

  planCreated(planId: string): void {
    this.#plans.add(planId);
  }

  sent(write: Write): void {
    this.#sent.set(write.tag, write);
  }

  acknowledged(write: Write, answer: Acknowledgement): void {
    this.#acknowledged.set(write.tag, answer);
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  answerTo(write: Write): Acknowledgement | undefined {
    return this.#acknowledged.get(write.tag);
  }

  /** Acknowledged writes, oldest first. */
  get acknowledgedWrites(): readonly Write[] {
    return [...this.#acknowledged.keys()].flatMap((tag) => this.#sent.get(tag) ?? []);
  }

  /** What the clients knew when, of all answers, they had those to these writes only. */
  asOf(tags: ReadonlySet<string>): Ledger {
    const known = new Ledger();
    for (const plan of this.#plans) known.planCreated(plan);
    for (const write of this.#sent.values()) known.sent(write);
    for (const write of this.acknowledgedWrites) {
      const answer = this.answerTo(write);
      if (answer !== undefined && tags.has(write.tag)) known.acknowledged(write, answer);
    }
    return known;
  }

  /** Everything in which a database contradicts what the clients know; an unanswered write may be there or not. */
  contradictions(history: History): readonly string[] {
    const found = [
      ...[...this.#plans].filter((id) => !history.plans.has(id)).map((id) => `acknowledged plan ${id} is lost`),
      ...[...history.writes.keys()].filter((tag) => !this.#sent.has(tag)).map((tag) => `nobody sent write ${tag}`),
      ...[...this.#sent.values()].flatMap((write) => this.#contradictionsOf(write, history)),
      ...[...history.requests.keys()]
        .filter((tag) => !history.writes.has(tag))
        .map((tag) => `request_id ${tag} is remembered without its write`),
      ...this.#changedFinals(history),
    ];
    this.#finals = history.finals;
    return found;
  }

  #contradictionsOf(write: Write, history: History): readonly string[] {
    const stored = history.writes.get(write.tag);
    const answer = this.#acknowledged.get(write.tag);
    if (stored === undefined) return answer === undefined ? [] : [`acknowledged write ${write.tag} is lost`];
    return [
      ...wholenessFaults(write, stored, history.requests.get(write.tag)),
      ...(answer === undefined ? [] : answerFaults(write, answer, stored, history)),
    ];
  }

  /** FINAL never changes: neither the row nor what belongs to it. */
  #changedFinals({ finals }: History): readonly string[] {
    return [...this.#finals]
      .filter(([key, content]) => finals.get(key) !== content)
      .map(([key, content]) => `FINAL ${key} was ${content} and is ${finals.get(key)}`);
  }
}

/** A write is there as a whole and once, its request_id included, or not at all. */
function wholenessFaults(
  { tag, planId, keys }: Write,
  stored: StoredWrite,
  remembered: number | undefined,
): readonly string[] {
  const missing = keys.filter((key) => !stored.states.has(key));
  return [
    ...(missing.length === 0 ? [] : [`write ${tag} is there without ${missing.join(', ')}`]),
    ...(stored.revisions.size === 1 ? [] : [`write ${tag} is in revisions ${[...stored.revisions].join(', ')}`]),
    ...(remembered !== undefined && stored.revisions.has(remembered)
      ? []
      : [`write ${tag} is there, and its request_id is remembered for revision ${remembered}`]),
    ...(stored.planId === planId ? [] : [`write ${tag} is in plan ${stored.planId}`]),
  ];
}

function answerFaults(
  { tag, planId }: Write,
  answer: Acknowledgement,
  stored: StoredWrite,
  history: History,
): readonly string[] {
  const faults = stored.revisions.has(answer.revision) ? [] : [`write ${tag} is not in revision ${answer.revision}`];
  for (const seen of answer.nodes) {
    const now = history.nodes.get(`${planId}/${seen.key}`);
    if (now === undefined) {
      faults.push(`${seen.key}, acknowledged with ${tag}, is lost`);
      continue;
    }
    // An answer to a repeated request shows the nodes as they were by then.
    const isFresh = seen.revision === answer.revision;
    const isSame = now.version === seen.version && now.state === seen.state && now.revision === seen.revision;
    const isLater = now.version > seen.version && now.state >= seen.state && now.revision > seen.revision;
    const isStoredState = !isFresh || stored.states.get(seen.key) === seen.state;
    if (!isStoredState || !(isSame || (isLater && seen.state !== FINAL))) {
      faults.push(`${tag} answered ${JSON.stringify(seen)}, stored is ${JSON.stringify(now)}`);
    }
  }
  return faults;
}
