/** A column: its head, and on which side its cells stand. */
export type Column = { readonly head: string; readonly align: 'LEFT' | 'RIGHT' };

/** Words to the left, figures to the right, as wide as the widest cell. */
export function textTable(columns: readonly Column[], lines: readonly (readonly string[])[]): string {
  const all = [columns.map(({ head }) => head), ...lines];
  const widths = columns.map((_, at) => Math.max(...all.map((line) => (line[at] ?? '').length)));
  return all
    .map((line) =>
      columns
        .map((column, at) => padded(line[at], column, widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The same as Markdown. */
export function markdownTable(columns: readonly Column[], lines: readonly (readonly string[])[]): string {
  const heads = columns.map(({ head }) => head);
  const rule = columns.map(({ align }) => (align === 'LEFT' ? '---' : '---:'));
  return [heads, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

/** Three digits that count, or more if there are. */
export function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function padded(cell = '', { align }: Column, width = 0): string {
  return align === 'LEFT' ? cell.padEnd(width) : cell.padStart(width);
}
