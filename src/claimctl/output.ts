/**
 * What claimctl prints: lines of text for people, or one JSON object per line with stable keys.
 * The formatters are pure.
 */
import type { Writable } from 'node:stream';
import { ClaimStatus, Outcome } from '../domain/claim.ts';
import type { ClaimResult, EpochSummary } from './service.ts';

type JsonValue = string | number | boolean | null | { readonly [key: string]: JsonValue };
export type JsonObject = Readonly<Record<string, JsonValue>>;

/** Both forms of one thing to be told. */
export interface Report {
  readonly text: string;
  readonly json: JsonObject;
}

/** What was asked about a claim. */
export interface ClaimQuestion {
  readonly command: 'submit' | 'validate' | 'get';
  readonly claimId: string;
  /** Null where a get did not name one. */
  readonly playerId: string | null;
}

const OUTCOME_NAMES = new Map(Object.entries(Outcome).map(([name, number]) => [number as number, name]));
const STATUS_NAMES = new Map(Object.entries(ClaimStatus).map(([name, number]) => [number as number, name]));

/** The name without its prefix; UNKNOWN_<number> for one of a later version of the service. */
export function outcomeName(outcome: number): string {
  return OUTCOME_NAMES.get(outcome) ?? `UNKNOWN_${outcome}`;
}

/** Null for UNSPECIFIED. */
export function statusName(status: number): string | null {
  if (status === ClaimStatus.UNSPECIFIED) return null;
  return STATUS_NAMES.get(status) ?? `UNKNOWN_${status}`;
}

/** A number where JSON readers can hold it exactly, else the decimal string itself. */
export function jsonInt64(decimal: string): number | string {
  const number = Number(decimal);
  return Number.isSafeInteger(number) ? number : decimal;
}

/** Text that can't move the cursor or begin a new line: ids and reasons come from elsewhere. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    return `\\u{${hex}}`;
  });
}

/** ISO 8601 in UTC, milliseconds; the plain number where no date can be made of it. */
export function isoTime(decimalMs: string): string {
  const date = new Date(Number(decimalMs));
  return Number.isNaN(date.getTime()) ? `${decimalMs} ms` : date.toISOString();
}

export function claimReport(question: ClaimQuestion, result: ClaimResult): Report {
  return { text: claimText(question, result), json: claimJson(question, result) };
}

function claimJson({ command, claimId, playerId }: ClaimQuestion, result: ClaimResult): JsonObject {
  const { claim } = result;
  return {
    command,
    claim_id: claimId,
    player_id: claim === null ? playerId : claim.player_id,
    outcome: outcomeName(result.outcome),
    status: statusName(result.status),
    timestamp_ms: claim === null ? null : jsonInt64(claim.timestamp_ms),
    epoch: epochOrNull(result.epoch),
    expires_at_epoch: epochOrNull(result.expires_at_epoch),
    reason: result.reason === '' ? null : result.reason,
  };
}

/** 0 stands for none: epochs are counted from 1970. */
function epochOrNull(decimal: string): number | string | null {
  return decimal === '0' ? null : jsonInt64(decimal);
}

function claimText({ claimId, playerId }: ClaimQuestion, result: ClaimResult): string {
  const { claim, outcome } = result;
  const player = claim === null ? playerId : claim.player_id;
  const status = outcome === Outcome.EXPIRED ? null : statusName(result.status);
  const pending = result.status === ClaimStatus.PENDING;
  const facts = [
    `claim ${idText(claimId)}`,
    player === null ? null : `player ${idText(player)}`,
    status,
    claim === null ? null : `time ${isoTime(claim.timestamp_ms)}`,
    EXPLANATIONS.get(outcome) ?? null,
    result.reason === '' ? null : result.reason,
    result.epoch === '0' ? null : `decided in epoch ${result.epoch}`,
    pending ? `expires at epoch ${result.expires_at_epoch}` : null,
  ];
  const told = facts.filter((fact) => fact !== null).map(printable);
  return `${outcomeName(outcome)}: ${told.join(', ')}`;
}

/** An empty id would leave a gap in the sentence. */
function idText(id: string): string {
  return id === '' ? '""' : id;
}

const EXPLANATIONS = new Map<number, string>([
  [Outcome.TAKEN, 'another player has it'],
  [Outcome.EXPIRED, 'it expired before it was validated'],
  [Outcome.NOT_FOUND, 'unknown or past retention'],
]);

export function epochReport(summary: EpochSummary): Report {
  return { text: epochText(summary), json: epochJson(summary) };
}

function epochJson(summary: EpochSummary): JsonObject {
  return {
    epoch: jsonInt64(summary.epoch),
    start_ms: jsonInt64(summary.start_ms),
    start_time: isoTime(summary.start_ms),
    submitted: jsonInt64(summary.submitted),
    validated: jsonInt64(summary.validated),
    expired: jsonInt64(summary.expired),
    pending: jsonInt64(summary.pending),
    duration_us: jsonInt64(summary.duration_us),
  };
}

/** Width of a count, so that the lines of a watch stand in columns. */
const COUNT_WIDTH = 7;

function epochText(summary: EpochSummary): string {
  const count = (name: string, decimal: string) => `${name} ${decimal.padStart(COUNT_WIDTH)}`;
  const durationMs = (Number(summary.duration_us) / 1_000).toFixed(1);
  return [
    `epoch ${summary.epoch}`,
    isoTime(summary.start_ms),
    count('submitted', summary.submitted),
    count('validated', summary.validated),
    count('expired', summary.expired),
    count('pending', summary.pending),
    `advanced in ${durationMs} ms`,
  ].join('  ');
}

/** Standard output, in the form that was asked for. */
export class Output {
  readonly #stream: Writable;
  readonly #json: boolean;

  constructor(stream: Writable, json: boolean) {
    this.#stream = stream;
    this.#json = json;
  }

  /** Resolves once the report is written: false where the reader has gone (a broken pipe). */
  print(report: Report): Promise<boolean> {
    const line = this.#json ? JSON.stringify(report.json) : report.text;
    return new Promise((resolve, reject) => {
      this.#stream.write(`${line}\n`, (error) => {
        if (!error) resolve(true);
        else if (isBrokenPipe(error)) resolve(false);
        else reject(error);
      });
    });
  }
}

/** The reader of a pipe has gone, now (EPIPE) or before (ERR_STREAM_DESTROYED). */
export function isBrokenPipe(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}
