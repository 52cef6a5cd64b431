import { systemClock } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import { plan } from './fixtures.ts';

// A process that holds a storage open and writes until it fails or is killed. It tells what it does, one word a line.
const tell = (line: string): void => console.log(line);

const storage = await openSqliteStorage({
  path: process.argv[2] ?? '',
  clock: systemClock(),
  log: silentLogger,
  writeQueue: 100,
  onFatal: () => tell('fatal'),
});
tell('open');
try {
  for (let next = 0; ; next++) {
    const cancelReason = 'x'.repeat(1000);
    await storage.write((uow) =>
      uow.workPlans.insert(plan({ id: `plan-${String(next).padStart(9, '0')}`, cancelReason })),
    );
    tell(`wrote ${next}`);
  }
} catch (error) {
  tell(`failed ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`);
  await storage.write(async () => undefined).catch(() => tell('refused'));
}
