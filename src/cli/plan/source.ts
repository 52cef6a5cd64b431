import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Finding, PlanPath, PlanProblem } from './problem.ts';
import { pathText } from './problem.ts';
import { yamlFaults } from './yaml-faults.ts';

/** A YAML text with the places of its values. */
export type Source = {
  /** The data, as JSON would have it; undefined when the text is no YAML. */
  readonly data: unknown;
  readonly problems: readonly PlanProblem[];
  /** Puts a finding at its place in the text. */
  place(finding: Finding): PlanProblem;
};

/** Reads one YAML 1.2 document; anchors and `<<` merges are understood. `file` names it in problems. */
export function readSource(text: string, file: string): Source {
  const lines = new LineCounter();
  // The library compares each key with each other one; duplicateKeys does the same in linear time.
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, uniqueKeys: false });
  const placeAt = (offset: number, path: PlanPath, message: string): PlanProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: pathText(path), message };
  };
  const problems = [
    ...document.errors.map(({ pos, code, message }) => placeAt(pos[0], [], yamlMessage(code, message))),
    ...(document.errors.length > 0 ? [] : yamlFaults(document)).map(({ offset, message }) =>
      placeAt(offset, [], message),
    ),
    ...duplicateKeys(document).map(({ offset, key, first }) => {
      const message = `"${key}" is here for the second time, after line ${lines.linePos(first).line}; remove one of the two`;
      return placeAt(offset, [], message);
    }),
  ];
  return {
    data: problems.length > 0 ? undefined : dataOf(document),
    problems,
    place: ({ path, message, atKey = false }) => placeAt(offsetOf(document, path, atKey), path, message),
  };
}

type Duplicate = { readonly key: string; readonly offset: number; readonly first: number };

function duplicateKeys(document: Document): readonly Duplicate[] {
  const duplicates: Duplicate[] = [];
  visit(document, {
    Map: (_, map) => {
      const firsts = new Map<string, number>();
      for (const { key: node } of map.items) {
        if (!isScalar(node) || !node.range) continue;
        const key = typeof node.value === 'string' ? node.value : (node.source ?? '');
        const first = firsts.get(key);
        if (first === undefined) firsts.set(key, node.range[0]);
        else duplicates.push({ key, offset: node.range[0], first });
      }
    },
  });
  return duplicates;
}

function dataOf(document: Document): unknown {
  // How much aliases may multiply is bounded by yamlFaults, which names the place.
  const data: unknown = document.toJS({ maxAliasCount: -1 });
  return data;
}

/** Where a value begins; of a value that is not written out (missing, or behind an alias) its nearest parent. */
function offsetOf(document: Document, path: PlanPath, atKey: boolean): number {
  if (atKey && path.length > 0) {
    const parent = document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === path.at(-1))
      : undefined;
    if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function yamlMessage(code: string, message: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab is no indentation in YAML; use spaces';
    case 'MULTIPLE_DOCS':
      return 'a plan is one YAML document; remove what comes from `---` on';
    default:
      return `not valid YAML: ${message}`;
  }
}
