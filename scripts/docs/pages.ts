import { readFileSync } from 'node:fs';
import { configVariables } from '../../src/config.ts';
import { attemptMachine } from '../../src/domain/attempt-machine.ts';
import { stageMachine } from '../../src/domain/stage-machine.ts';
import { errorsPage } from './errors.ts';
import { diagram, stateMachinesPage } from './state-machines.ts';

/** A page that is made from the code, as a whole or between two marks. */
export type Page = { readonly path: string; readonly content: string };

const root = new URL('../../', import.meta.url);

/** Every generated page as it should be; paths are relative to the repository. */
export function generatedPages(): readonly Page[] {
  return [
    { path: 'docs/state-machines.md', content: stateMachinesPage() },
    { path: 'docs/errors.md', content: errorsPage() },
    { path: 'docs/execution.md', content: executionPage() },
    { path: 'README.md', content: withPart(readPage('README.md'), 'configuration', configurationTable()) },
  ];
}

function executionPage(): string {
  const page = readPage('docs/execution.md');
  return withPart(withPart(page, 'attempt diagram', diagram(attemptMachine)), 'stage diagram', diagram(stageMachine));
}

/** The page as it stands. */
export function readPage(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** The page with the text between its marks replaced. */
function withPart(page: string, part: string, text: string): string {
  const [begin, end] = [`<!-- ${part}: generated -->`, `<!-- ${part}: end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no marks for "${part}"`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

function configurationTable(): string {
  const rows = configVariables().map(({ name, default: byDefault, meaning }) => {
    const shown = byDefault === '' ? '–' : `\`${byDefault}\``;
    return `| \`${name}\` | ${shown} | ${meaning} |`;
  });
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
}
