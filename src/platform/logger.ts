import { destination, pino } from 'pino';
import type { Logger, LogLevel } from '../domain/logger.ts';

export type LoggerOptions = {
  readonly level: LogLevel | 'silent';
  /** File descriptor to write to; standard output by default. */
  readonly fd?: number;
};

/**
 * Writes one JSON object a line. Writing is synchronous, so that the last words of a dying process are not lost; what is
 * logged on a busy server is little enough for that.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: options.fd ?? 1, sync: true }),
  );
}

/** A logger that drops everything. */
export const silentLogger: Logger = pino({ level: 'silent' });
