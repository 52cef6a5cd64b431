import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/*
 * Loaded into a server under test with NODE_OPTIONS=--import: at SIGUSR2 it collects garbage and writes what is left to
 * the file that MEMORY_PROBE_FILE names. The server itself knows nothing of it.
 */
setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

process.on('SIGUSR2', () => {
  const file = process.env.MEMORY_PROBE_FILE;
  if (file === undefined || typeof collect !== 'function') return;
  collect();
  collect();
  writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.new`, file);
});
