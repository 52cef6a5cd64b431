import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Plant } from './canary.ts';

/** The tree that this file belongs to. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Everything that is, or will be, committed. */
const LIST_FILES = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];

/** How often a plant's text stands in its file, as that is in the tree; 1 is as it should be. */
export function occurrences({ file, text }: Plant): number {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, 'utf8').split(text).length - 1 : 0;
}

/** A copy of the files that git knows or would add, in which bugs can be planted. The packages are those of the tree itself. */
export class ScratchTree {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'turboci-canary-'));

  constructor() {
    const files = execFileSync('git', LIST_FILES, { cwd: ROOT, encoding: 'utf8' }).split('\0');
    for (const file of files) {
      if (file === '' || !existsSync(join(ROOT, file))) continue;
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.folder, file), { dereference: false });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'));
  }

  /** Throws when the text is not there once. */
  plant({ file, text, by }: Plant): void {
    const path = join(this.folder, file);
    const parts = readFileSync(path, 'utf8').split(text);
    if (parts.length !== 2) throw new Error(`${file} has the text to replace ${parts.length - 1} times`);
    writeFileSync(path, parts.join(by));
  }

  /** Rejects when the server of this tree does not come to serve: what is planted is to do wrong, not to be broken. */
  async assertServes(): Promise<void> {
    const home = join(this.folder, '.canary');
    mkdirSync(home);
    const server = spawn(process.execPath, [join(this.folder, 'src/main.ts')], {
      env: { SQLITE_PATH: join(home, 'turboci.db'), LOG_DIR: join(home, 'logs'), GRPC_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    try {
      for await (const line of createInterface({ input: server.stdout })) if (line.includes('"address":"')) return;
      throw new Error(`the server with the bug does not start:\n${complaint}`);
    } finally {
      server.kill('SIGKILL');
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
