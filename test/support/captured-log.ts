/** A log whose lines a test reads: the program's own library, without a time, into an array. */
import { pino } from 'pino';
import type { Logger } from '../../src/telemetry/log.ts';

export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level: string;
  readonly msg: string;
}

export class CapturedLog {
  readonly lines: LogLine[] = [];
  readonly logger: Logger = pino(
    { level: 'trace', base: null, timestamp: false, formatters: { level: (level) => ({ level }) } },
    { write: (text: string) => this.lines.push(JSON.parse(text)) },
  );

  /** Each line's level and message. */
  get told(): string[] {
    return this.lines.map(({ level, msg }) => `${level}: ${msg}`);
  }
}
