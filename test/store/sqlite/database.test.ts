/** What a SQLite store does with the paths and files that it is given. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, beforeEach, describe, test } from 'node:test';
import { RegistryMismatch, StoreNotUsable } from '../../../src/domain/errors.ts';
import { openDatabase } from '../../../src/store/sqlite/database.ts';
import { createRegistry } from '../../../src/store/sqlite/schema.ts';
import { SETTINGS } from '../registry-under-test.ts';

const root = mkdtempSync(join(tmpdir(), 'sqlite-database-'));
after(() => rmSync(root, { recursive: true }));

let folder = root;
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'data-'));
  path = join(folder, 'claims.db');
});

/** Names, bytes and times of everything in the folder. */
function contents(): Record<string, string> {
  const files = readdirSync(folder).map((name) => {
    const file = join(folder, name);
    return [name, `${statSync(file).mtimeMs} ${readFileSync(file, 'base64')}`];
  });
  return Object.fromEntries(files);
}

function open(settings = SETTINGS, at = path): void {
  openDatabase(at, settings, 0).close();
}

/** The error that opening throws: of the class, one line that names the path. */
function refusal(errorClass: new (message: string) => Error, settings = SETTINGS, at = path): string {
  let message = '';
  assert.throws(
    () => open(settings, at),
    (error: Error) => {
      message = error.message;
      return error instanceof errorClass;
    },
  );
  assert.ok(message.includes(at), message);
  assert.ok(!message.includes('\n'), message);
  return message;
}

describe('a file that is not ours to serve is left as it is', () => {
  function assertUntouched(
    errorClass: new (message: string) => Error,
    says: RegExp,
    settings = SETTINGS,
  ): void {
    const before = contents();
    assert.match(refusal(errorClass, settings), says);
    assert.deepEqual(contents(), before);
  }

  for (const mode of ['DELETE', 'WAL']) {
    test(`a database of another program (journal mode ${mode})`, () => {
      const db = new DatabaseSync(path);
      db.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE things (a); INSERT INTO things VALUES (1)`);
      db.close();
      assertUntouched(RegistryMismatch, /not a claim registry/);
    });
  }

  test('a database of another program that is in use', () => {
    const db = new DatabaseSync(path);
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE things (a)');
    assertUntouched(RegistryMismatch, /not a claim registry/);
    db.close();
  });

  test('something else', () => {
    writeFileSync(path, 'no database, but long enough to be one '.repeat(100));
    assertUntouched(StoreNotUsable, /not a database/);
  });

  test('a registry of another version', () => {
    open();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 2; PRAGMA wal_checkpoint');
    db.close();
    assertUntouched(RegistryMismatch, /has version 2, this program serves version 1/);
  });

  test('a registry with other settings: every difference is told', () => {
    open();
    const other = { ...SETTINGS, epochLengthMs: 10_000, retentionEpochs: 60 };
    assertUntouched(
      RegistryMismatch,
      /epoch_length_ms is 1000, .* 10000; retention_epochs is 3, .* 60$/,
      other,
    );
  });

  test('a registry with other settings, as a killed server left it', () => {
    const db = openDatabase(path, SETTINGS, 0);
    db.exec('UPDATE highest_epoch SET epoch = 7');
    const left = ['claims.db', 'claims.db-wal', 'claims.db-shm'];
    for (const name of left) copyFileSync(join(folder, name), join(root, name));
    db.close();
    for (const name of left) copyFileSync(join(root, name), join(folder, name));
    assertUntouched(RegistryMismatch, /partition is claim, asked for was player/, {
      ...SETTINGS,
      partition: 'player',
    });
    open();
  });
});

describe('a path that can’t hold a registry', () => {
  test('below a file', () => {
    writeFileSync(join(folder, 'file'), '');
    refusal(StoreNotUsable, SETTINGS, join(folder, 'file', 'data', 'claims.db'));
  });

  test('where no folder can be made', () => {
    refusal(StoreNotUsable, SETTINGS, '/proc/data/claims.db');
  });

  test('a folder', () => {
    mkdirSync(path);
    refusal(StoreNotUsable);
  });
});

describe('a registry is made', () => {
  test('with its folder, whatever its name', () => {
    const at = join(folder, 'a b', '%41?x=1#', 'claims.db');
    open(SETTINGS, at);
    open(SETTINGS, at);
    refusal(RegistryMismatch, { ...SETTINGS, retentionEpochs: 4 }, at);
  });

  test('in an empty file', () => {
    writeFileSync(path, '');
    open();
    refusal(RegistryMismatch, { ...SETTINGS, retentionEpochs: 4 });
  });

  test('anew where a killed server had begun to make it', () => {
    const made = join(root, 'made.db');
    const db = new DatabaseSync(made);
    // With no room in its cache, SQLite writes the journal and pages before the transaction's end.
    db.exec('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; CREATE TABLE filler (a)');
    db.exec('INSERT INTO filler SELECT zeroblob(1000000)');
    copyFileSync(`${made}-journal`, `${path}-journal`);
    db.exec('ROLLBACK; BEGIN');
    createRegistry(db, { ...SETTINGS, retentionEpochs: 99 });
    db.exec('COMMIT');
    db.close();
    copyFileSync(made, path);
    open();
    refusal(RegistryMismatch, { ...SETTINGS, retentionEpochs: 4 });
  });

  test('and synced to disk with every transaction', () => {
    const db = openDatabase(path, SETTINGS, 0);
    assert.deepEqual({ ...db.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' });
    assert.deepEqual({ ...db.prepare('PRAGMA synchronous').get() }, { synchronous: 2 });
    db.close();
  });
});
