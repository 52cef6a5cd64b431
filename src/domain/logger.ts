/** Facts of a log line beside its message. Never a whole request, nor one line for each node of one. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Where the server writes what operators should know. Must not throw. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Logger;
  /** False when a line of that level would be dropped: lets hot paths skip making it. */
  isLevelEnabled(level: LogLevel): boolean;
}
