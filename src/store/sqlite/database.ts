/**
 * Opens a SQLite registry's file, and turns SQLite's failures into the store's errors. A file that
 * is not ours to serve is found out before anything in its folder is written.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { ClaimsError, StoreNotUsable, StoreUnavailable } from '../../domain/errors.ts';
import type { RegistrySettings } from '../store.ts';
import { checkSettings, checkVersion, createRegistry, isEmpty, pragma } from './schema.ts';

/** A database that lives as long as its connection; for tests. */
const IN_MEMORY = ':memory:';

/** How long a commit waits for another process to end its own; theirs take milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Page cache: a commit of 1,000 claims with random ids changes as many pages of the index, 4 MB. With
 * SQLite's own 2 MB some would be written before the commit's end, and then again.
 */
const CACHE_KIB = 8_192;

/** SQLite's result codes for a file that it can't work with, whatever is tried again. */
const SQLITE_PERM = 3;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
const UNUSABLE = [SQLITE_PERM, SQLITE_READONLY, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB];

/**
 * @param path of the file, made with its folder where it is not there; or IN_MEMORY.
 * @param maxBytes bound on the file's size (the log beside it is bounded by checkpoints); 0: none.
 * @throws RegistryMismatch, StoreNotUsable, StoreUnavailable
 */
export function openDatabase(path: string, settings: RegistrySettings, maxBytes: number): DatabaseSync {
  try {
    if (path !== IN_MEMORY) {
      makeFolder(dirname(resolve(path)));
      inspectFile(path, settings);
    }
    return openRegistry(path, settings, maxBytes);
  } catch (error) {
    throw openingError(error, path);
  }
}

/** Not mkdir's `recursive`: where a file system takes no folders at all (/proc), that never returns. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been quicker.
    if (!existsSync(folder)) throw error;
  }
}

/**
 * Reads the file as bytes that don't change (`immutable`): without a lock, and without the files
 * that a connection puts beside it. What is asked for stands in the file itself since the registry
 * was made, never only in its log (openRegistry).
 */
function inspectFile(path: string, settings: RegistrySettings): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isFile()) throw new StoreNotUsable(`${path}: not a file`);
  if (file.size === 0) return;
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  const db = new DatabaseSync(url, { readOnly: true });
  try {
    checkVersion(db, path);
    // A rollback journal is left only where making the registry was cut short: opening undoes it.
    if (!existsSync(`${path}-journal`)) checkSettings(db, path, settings);
  } finally {
    db.close();
  }
}

function openRegistry(path: string, settings: RegistrySettings, maxBytes: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    if (maxBytes > 0) boundSize(db, maxBytes);
    // Several processes may come to an empty file at once: the first makes the registry. It is
    // made before the write-ahead log is turned on, so that it lies in the file from the start.
    transaction(db, 'IMMEDIATE', () => {
      if (isEmpty(db)) createRegistry(db, settings);
      checkVersion(db, path);
      checkSettings(db, path, settings);
    });
    useWriteAheadLog(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function boundSize(db: DatabaseSync, maxBytes: number): void {
  const pages = Math.floor(maxBytes / Number(pragma(db, 'page_size')));
  db.exec(`PRAGMA max_page_count = ${Math.max(1, pages)}`);
}

function useWriteAheadLog(db: DatabaseSync, path: string): void {
  db.exec('PRAGMA journal_mode = WAL');
  if (pragma(db, 'journal_mode') !== 'wal' && path !== IN_MEMORY) {
    throw new StoreNotUsable(`${path}: this file system can't hold a write-ahead log`);
  }
  db.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}`);
}

/**
 * Runs `work` in a transaction of its own: IMMEDIATE to write, DEFERRED for a consistent view.
 * @throws StoreUnavailable where SQLite failed; then the transaction is rolled back.
 */
export function transaction<T>(db: DatabaseSync, mode: 'IMMEDIATE' | 'DEFERRED', work: () => T): T {
  try {
    db.exec(`BEGIN ${mode}`);
    try {
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      // On some failures (a full disk) SQLite has rolled back already.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  } catch (error) {
    throw isSqliteError(error) ? new StoreUnavailable(`SQLite: ${error.message}`, { cause: error }) : error;
  }
}

/** The only value of the only row, or null where there is none. */
export function scalar(statement: StatementSync, ...parameters: number[]): number | null {
  const row = statement.get(...parameters);
  const value = row === undefined ? null : Object.values(row)[0];
  return value === null ? null : Number(value);
}

function openingError(error: unknown, path: string): unknown {
  // A transaction's failure has its cause in SQLite, which says whether trying again can help.
  const cause = error instanceof StoreUnavailable ? error.cause : error;
  if (isSqliteError(cause)) {
    const NotOpened = UNUSABLE.includes(cause.errcode & 0xff) ? StoreNotUsable : StoreUnavailable;
    return new NotOpened(`${path}: ${cause.message}`, { cause });
  }
  const ofThisProgram = error instanceof ClaimsError || !(error instanceof Error && 'syscall' in error);
  return ofThisProgram ? error : new StoreNotUsable(`${path}: ${error.message}`, { cause: error });
}

interface SqliteError extends Error {
  /** SQLite's (extended) result code. */
  readonly errcode: number;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR' && 'errcode' in error;
}
