/** The program's log: one JSON object per line on standard output, for events a person can act on. */
import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** Written synchronously: a line that was logged before a crash is there after it. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime },
    pino.destination({ fd: 1, sync: true }),
  );
}
