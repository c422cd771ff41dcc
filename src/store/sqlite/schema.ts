/**
 * The tables of a SQLite registry, and the check that a database is one that these settings can
 * serve. For operators the columns are legible in any SQLite shell.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { PartitionMode } from '../../domain/claim.ts';
import { RegistryMismatch } from '../../domain/errors.ts';
import type { RegistrySettings } from '../store.ts';

/** 'EpCl' in the file's header: how `file` and this program know a registry of epoch-claims. */
const APPLICATION_ID = 0x4570436c;
/** Raised with every change of the tables below; in the header as user_version. */
const SCHEMA_VERSION = 1;

/** What makes a claim the same claim. */
const IDENTITY: Record<PartitionMode, string> = { claim: 'claim_id', player: 'player_id, claim_id' };

/**
 * `settings` has a table and so a page of its own, written once: it can be read from the file
 * while others write to the registry, without a lock (database.ts).
 */
const TABLES = (partition: PartitionMode): string => `
  CREATE TABLE settings (
    epoch_length_ms INTEGER NOT NULL,
    validation_window_ms INTEGER NOT NULL,
    retention_epochs INTEGER NOT NULL,
    partition TEXT NOT NULL
  ) STRICT;

  CREATE TABLE highest_epoch (epoch INTEGER NOT NULL) STRICT;
  INSERT INTO highest_epoch VALUES (0);

  -- id grows with every new claim: oldest first for paging and for reclaiming.
  -- status: P pending, V validated, X expired. A claim that is P in its end_epoch or later has
  -- expired; X only makes that plain. end_epoch: the epoch of validation, else of expiry.
  CREATE TABLE claims (
    id INTEGER PRIMARY KEY,
    claim_id TEXT NOT NULL,
    player_id TEXT NOT NULL,
    status TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    end_epoch INTEGER NOT NULL,
    UNIQUE (${IDENTITY[partition]})
  ) STRICT;

  -- One row for each epoch with activity. due: claims still pending that expire in this epoch.
  -- pending: at the epoch's end, or now; null while the epoch lies ahead.
  CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY,
    submitted INTEGER NOT NULL DEFAULT 0,
    validated INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    pending INTEGER
  ) STRICT;

  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Names of the settings, as columns and in messages. */
function settingsRow(settings: RegistrySettings): Record<string, number | string> {
  return {
    epoch_length_ms: settings.epochLengthMs,
    validation_window_ms: settings.validationWindowMs,
    retention_epochs: settings.retentionEpochs,
    partition: settings.partition,
  };
}

/** Makes the tables in an empty database. Within the caller's transaction. */
export function createRegistry(db: DatabaseSync, settings: RegistrySettings): void {
  db.exec(TABLES(settings.partition));
  const row = settingsRow(settings);
  const names = Object.keys(row);
  db.prepare(`INSERT INTO settings (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`).run(
    ...Object.values(row),
  );
}

/** Whether nothing was ever made in the database. */
export function isEmpty(db: DatabaseSync): boolean {
  return pragma(db, 'application_id') === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
}

/** @throws RegistryMismatch where the database is not a registry, or one of another version. */
export function checkVersion(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new RegistryMismatch(`${path}: a database, but not a claim registry of this program`);
  }
  const version = pragma(db, 'user_version');
  if (version !== SCHEMA_VERSION) {
    throw new RegistryMismatch(
      `${path}: the registry has version ${version}, this program serves version ${SCHEMA_VERSION}`,
    );
  }
}

/** @throws RegistryMismatch naming every setting that differs, with both values. */
export function checkSettings(db: DatabaseSync, path: string, settings: RegistrySettings): void {
  const has = db.prepare('SELECT * FROM settings').get() ?? {};
  const differing = Object.entries(settingsRow(settings)).filter(([name, wanted]) => has[name] !== wanted);
  if (differing.length === 0) return;
  const said = differing.map(([name, wanted]) => `${name} is ${has[name]}, asked for was ${wanted}`);
  throw new RegistryMismatch(`${path}: the registry was made with other settings: ${said.join('; ')}`);
}

/** The value of a pragma, as SQLite answers it. */
export function pragma(db: DatabaseSync, name: string): unknown {
  return db.prepare(`PRAGMA ${name}`).get()?.[name];
}
