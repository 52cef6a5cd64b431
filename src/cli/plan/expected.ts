/** What zod tells about a value that has the wrong form, as far as it is looked at here. */
type Issue = { readonly code: string; readonly input?: unknown; readonly expected?: unknown };

/** Says what is expected, in words for the author of a plan, and how YAML is told that a number is meant as a text. */
export function expected(what: string): (issue: Issue) => string {
  return ({ input }) => `expected ${what}${quotesHint(what, input)}`;
}

/** For everything that has no words of its own: what has to be there, and what is. */
export function expectedType(issue: Issue): string | undefined {
  // The alternatives of JSON are the only ones without words of their own.
  if (issue.code === 'invalid_union') return `expected a JSON value, not ${typeWord(issue.input)}`;
  if (issue.code !== 'invalid_type') return undefined;
  return `expected ${wordOf(String(issue.expected))}, not ${typeWord(issue.input)}`;
}

function quotesHint(what: string, input: unknown): string {
  const isScalar = typeof input === 'number' || typeof input === 'boolean';
  return isScalar && /\b(?:text|name|message)\b/u.test(what) ? `; put it in quotes: "${input}"` : '';
}

function wordOf(type: string): string {
  switch (type) {
    case 'object':
    case 'record':
      return 'keys with values';
    case 'array':
    case 'tuple':
      return 'a list';
    case 'string':
      return 'a text';
    case 'int':
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return type;
  }
}

function typeWord(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'NaN or infinity';
  return wordOf(typeof value);
}
