import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  visit,
} from 'yaml';

/** Something that YAML allows and that cannot become a plan. */
export type YamlFault = { readonly offset: number; readonly message: string };

/** Values that a file may have once each alias is written out; a small file could otherwise mean billions. */
const MOST_VALUES = 1_000_000;

/** What is wrong with a document that was parsed without errors; data can be made of it if there is nothing. */
export function yamlFaults(document: Document): readonly YamlFault[] {
  const faults: YamlFault[] = document.warnings.map(({ code, message, pos }) => ({
    offset: pos[0],
    message: code === 'TAG_RESOLVE_FAILED' ? `${message.replace('Unresolved', 'unknown')}; remove it` : message,
  }));
  const report = (node: unknown, message: string): void => {
    faults.push({ offset: offsetOf(node), message });
  };
  const aliases = new Aliases();
  visit(document, {
    Value: (_, node) => {
      aliases.define(node);
      if (isScalar(node) && typeof node.value === 'string' && !node.value.isWellFormed()) {
        report(node, 'the text is no valid Unicode: it has half of a surrogate pair');
      }
    },
    Pair: (_, { key, value }) => {
      const message = isMergeKey(key) ? undefined : keyFault(key);
      if (message !== undefined) report(key, message);
      if (isMergeKey(key) && !aliases.isMergeable(value)) {
        report(value ?? key, '`<<` takes over the keys of a mapping; name one, such as `<<: *base`');
      }
    },
    Alias: (_, alias, path) => {
      const target = aliases.resolve(alias);
      if (target === undefined) {
        report(alias, `there is no &${alias.source} before *${alias.source}; put the text in quotes if none is meant`);
      } else if (path.some((parent) => parent === target)) {
        report(alias, `*${alias.source} stands for a value that contains it; remove it`);
      } else if (aliases.count(alias) > MOST_VALUES) {
        report(alias, `with its aliases written out the file has more than ${MOST_VALUES} values; use fewer`);
        return visit.BREAK;
      }
      return undefined;
    },
  });
  return faults;
}

/** The anchors of a document and what its aliases stand for, in the order of the text. */
class Aliases {
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Alias, Node>();
  readonly #sizes = new Map<unknown, number>();
  #total = 0;

  define(node: Node): void {
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
  }

  resolve(alias: Alias): Node | undefined {
    const target = this.#anchors.get(alias.source);
    if (target !== undefined) this.#targets.set(alias, target);
    return target;
  }

  /** All values for which the aliases up to this one stand. */
  count(alias: Alias): number {
    this.#total += this.#size(alias);
    return this.#total;
  }

  isMergeable(value: unknown): boolean {
    // An alias that stands for nothing is a fault of its own.
    const meant = isAlias(value) ? (this.#anchors.get(value.source) ?? value) : value;
    if (isSeq(meant)) return meant.items.every((item) => !isSeq(item) && this.isMergeable(item));
    return isMap(meant) || isAlias(meant);
  }

  #size(node: unknown): number {
    const known = this.#sizes.get(node);
    if (known !== undefined) return known;
    if (isPair(node)) return this.#size(node.key) + this.#size(node.value);
    if (isAlias(node)) return this.#size(this.#targets.get(node));
    if (!isCollection(node)) return 1;
    // A value that contains itself is a fault already; it must not be followed for ever.
    this.#sizes.set(node, 1);
    const size = node.items.reduce<number>((sum, item) => sum + this.#size(item), 1);
    this.#sizes.set(node, size);
    return size;
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

function keyFault(key: unknown): string | undefined {
  if (!isScalar(key)) return 'a key is a text here, not a list, a mapping or an alias';
  if (key.value === '__proto__') return '"__proto__" cannot be a key; choose another';
  if (typeof key.value === 'string') return undefined;
  const text = key.source ?? '';
  return text === '' ? 'the key is missing' : `the key ${text} is no text in YAML; put it in quotes: "${text}"`;
}

function offsetOf(node: unknown): number {
  return (isScalar(node) || isCollection(node) || isAlias(node)) && node.range ? node.range[0] : 0;
}
