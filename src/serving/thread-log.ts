/** The log of an ingress thread: its lines are written by the main one. */
import type { Logger } from '../telemetry/log.ts';
import type { FromThread } from './protocol.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const satisfies (keyof Logger)[];
type LogMessage = FromThread & { readonly kind: 'log' };
type LogLine = (fields: unknown, text?: string) => void;

/** A log whose lines are sent on. Fields that are neither plain values nor errors are told as text. */
export function remoteLog(send: (message: LogMessage) => void): Logger {
  const line =
    (level: keyof Logger): LogLine =>
    (fields, text) => {
      if (text === undefined) send({ kind: 'log', level, fields: {}, text: String(fields) });
      else send({ kind: 'log', level, fields: plain(fields), text });
    };
  return Object.fromEntries(LEVELS.map((level) => [level, line(level)])) as Record<keyof Logger, LogLine>;
}

/** Writes a line that a thread has sent. */
export function writeLine(log: Logger, { level, fields, text }: LogMessage): void {
  log[level](fields, text);
}

function plain(fields: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields as object).map(([name, value]) => [name, isPlain(value) ? value : String(value)]),
  );
}

function isPlain(value: unknown): boolean {
  if (value === null || value instanceof Error) return true;
  return ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
}
