import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../../src/claimctl/exit-codes.ts';
import { type InputFormat, readItems } from '../../src/claimctl/input.ts';
import { type InputItem, isInt64, LINE_MAX_BYTES } from '../../src/claimctl/input-item.ts';

interface Reading {
  readonly format?: InputFormat;
  readonly name?: string;
  /** Bytes of each chunk the input arrives in. */
  readonly chunkBytes?: number;
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function itemsOf(input: string | Buffer, { format, name = 'f', chunkBytes = 7 }: Reading = {}) {
  const bytes = chunksOf(Buffer.from(input), chunkBytes);
  return readItems({ name, bytes, stats: null }, format, () => undefined);
}

async function read(input: string | Buffer, reading: Reading = {}): Promise<InputItem[]> {
  const items: InputItem[] = [];
  for await (const item of itemsOf(input, reading)) items.push(item);
  return items;
}

/** The message the reading ends with, and the items before it. */
async function readUntilError(input: string | Buffer, reading: Reading = {}): Promise<[InputItem[], string]> {
  const items: InputItem[] = [];
  try {
    for await (const item of itemsOf(input, reading)) items.push(item);
  } catch (error) {
    assert.ok(error instanceof InputError, String(error));
    return [items, error.message];
  }
  return assert.fail('the input was taken');
}

async function complaint(input: string | Buffer, reading: Reading = {}): Promise<string> {
  return (await readUntilError(input, reading))[1];
}

const item = (line: number, claim: string, player: string, timestamp?: string): InputItem => ({
  line,
  item: {
    claim_id: claim,
    player_id: player,
    ...(timestamp === undefined ? {} : { timestamp_ms: timestamp }),
  },
});

test('CSV: columns by the header, blank lines passed over, lines counted', async () => {
  assert.deepEqual(await read('claim_id,player_id\nc1,p1\n\nc2,p2\n'), [
    item(2, 'c1', 'p1'),
    item(4, 'c2', 'p2'),
  ]);
  assert.deepEqual(await read('timestamp_ms,player_id,claim_id\r\n5,p1,c1\r\n,p2,c2'), [
    item(2, 'c1', 'p1', '5'),
    item(3, 'c2', 'p2'),
  ]);
  assert.deepEqual(await read('\ufeffclaim_id,player_id\n"c, ""1""", p \n'), [item(2, 'c, "1"', ' p ')]);
  assert.deepEqual(await read('claim_id,player_id\n"a\nb",p\nc,p\n'), [
    item(3, 'a\nb', 'p'),
    item(4, 'c', 'p'),
  ]);
  assert.deepEqual(await read('claim_id,player_id\n,\n'), [item(2, '', '')]);
});

test('CSV: what is malformed is named by line', async () => {
  const header = 'claim_id,player_id,timestamp_ms\n';
  assert.equal(await complaint(''), 'f: empty; a header claim_id,player_id[,timestamp_ms] is expected');
  for (const bad of [
    'claim,player',
    'claim_id',
    'claim_id,player_id,x',
    'claim_id,player_id,claim_id',
    'c1,p1',
  ]) {
    assert.equal(
      await complaint(`${bad}\nc1,p1\n`),
      `f:1: the header "${bad}" is not claim_id,player_id[,timestamp_ms]`,
    );
  }
  assert.equal(await complaint(`${header}c1,p1,1\nc2,p2\n`), 'f:3: 2 fields where the header has 3');
  assert.equal(await complaint(`${header}c1,p1,1,\n`), 'f:2: 4 fields where the header has 3');
  assert.equal(
    await complaint(`${header}c1,p1,1e3\n`),
    'f:2: timestamp_ms: "1e3" is not allowed; allowed: an integer, milliseconds since 1970',
  );
  assert.match(await complaint(`${header}c1,p1,1\n"c2"x,p,1\n`), /^f:3: Invalid Closing Quote/);
  assert.match(await complaint(`${header}c1,p"1,1\n`), /^f:2: Invalid Opening Quote/);
  assert.match(await complaint(`${header}"c1,p1,1\nc2,p2,2\n`), /^f:\d: Quote Not Closed/);
});

test('NDJSON: an object per line, numbers or strings for timestamps', async () => {
  const lines = [
    '{"claim_id":"c1","player_id":"p1"}',
    '',
    ' {"player_id":"p2","claim_id":"c2","timestamp_ms":-5}\r',
    '{"claim_id":"c3","player_id":"p3","timestamp_ms":"9223372036854775807"}',
    '{"claim_id":"a\u2028b","player_id":"p4","timestamp_ms":null}',
    '{"line":9,"claim_id":"c5","player_id":"p5","timestamp_ms":1,"outcome":"TAKEN","status":null,"reason":null}',
  ];
  assert.deepEqual(await read(lines.join('\n')), [
    item(1, 'c1', 'p1'),
    item(3, 'c2', 'p2', '-5'),
    item(4, 'c3', 'p3', '9223372036854775807'),
    item(5, 'a\u2028b', 'p4'),
    item(6, 'c5', 'p5', '1'),
  ]);
  assert.deepEqual(await read('', { format: 'ndjson' }), []);
});

test('NDJSON: what is malformed is named by line, and the items before it are read', async () => {
  const good = '{"claim_id":"c1","player_id":"p1"}\n';
  const bad: readonly (readonly [string, RegExp])[] = [
    ['{"claim_id":"c1"', /^not JSON: /],
    ['[]', /^not a JSON object$/],
    ['null', /^not a JSON object$/],
    ['7', /^not a JSON object$/],
    ['{"player_id":"p"}', /^claim_id is absent; allowed: a string$/],
    ['{"claim_id":7,"player_id":"p"}', /^claim_id is 7; allowed: a string$/],
    ['{"claim_id":"c","player_id":null}', /^player_id is null; allowed: a string$/],
    ['{"claim_id":"\\ud800","player_id":"p"}', /^claim_id is not well-formed Unicode$/],
    [
      '{"claimId":"c","player_id":"p"}',
      /^unknown key "claimId"; allowed: claim_id, player_id, timestamp_ms$/,
    ],
    ['{"__proto__":1,"claim_id":"c","player_id":"p"}', /^unknown key "__proto__"/],
  ];
  for (const timestamp of [
    '1.5',
    '1e300',
    '9007199254740992',
    '""',
    '" 1"',
    '"9223372036854775808"',
    'true',
    '{}',
  ]) {
    const line = `{"claim_id":"c","player_id":"p","timestamp_ms":${timestamp}}`;
    const [items, message] = await readUntilError(`${good}\n${line}\n${good}`);
    assert.deepEqual(items, [item(1, 'c1', 'p1')]);
    assert.match(
      message,
      /^f:3: timestamp_ms: .* is not allowed; allowed: an integer, milliseconds since 1970$/,
    );
  }
  for (const [line, problem] of bad) {
    const [items, message] = await readUntilError(`${good}\n${line}\n${good}`);
    assert.deepEqual(items, [item(1, 'c1', 'p1')]);
    assert.match(message.slice('f:3: '.length), problem);
    assert.ok(message.startsWith('f:3: '), message);
  }
});

test('the format is told by the option, else the name, else the first byte', async () => {
  const csv = 'claim_id,player_id\nc,p\n';
  const ndjson = '{"claim_id":"c","player_id":"p"}\n';
  for (const name of ['f', 'f.CSV', 'f.csv', 'f.txt']) assert.equal((await read(csv, { name })).length, 1);
  for (const name of ['f', 'f.ndjson', 'f.jsonl', 'f.json'])
    assert.equal((await read(ndjson, { name })).length, 1);
  assert.equal((await read(`\ufeff${ndjson}`)).length, 1);
  assert.match(await complaint(ndjson, { name: 'f.csv' }), /^f\.csv:1: /);
  assert.match(await complaint(csv, { name: 'f.ndjson' }), /^f\.ndjson:1: not JSON/);
  assert.equal((await read(ndjson, { name: 'f.csv', format: 'ndjson' })).length, 1);
  assert.equal((await read(csv, { name: 'f.ndjson', format: 'csv' })).length, 1);
});

test('bytes that are not UTF-8 are named by line, in any chunks', async () => {
  const bad: readonly (readonly number[])[] = [
    [0xff],
    [0xc3],
    [0xed, 0xa0, 0x80],
    [0xc0, 0xaf],
    [0xf5, 0x80, 0x80, 0x80],
  ];
  for (const bytes of bad) {
    for (const chunkBytes of [1, 2, 3, 100]) {
      const input = Buffer.concat([
        Buffer.from('claim_id,player_id\nä,p\nb'),
        Buffer.from(bytes),
        Buffer.from(',p\n'),
      ]);
      assert.equal(await complaint(input, { chunkBytes }), 'f:3: not UTF-8');
      assert.equal(await complaint(input.subarray(0, -1), { chunkBytes }), 'f:3: not UTF-8');
    }
  }
});

test('a line without end is refused before it is read whole', async () => {
  let chunksRead = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      chunksRead += 1;
      yield Buffer.alloc(1_024, 'a');
    }
  }
  const items = readItems({ name: 'f', bytes: endless(), stats: null }, undefined, () => undefined);
  await assert.rejects(items.next(), new InputError('f', 1, `longer than ${LINE_MAX_BYTES} bytes`));
  assert.equal(chunksRead, LINE_MAX_BYTES / 1_024 + 1);
});

test('any items come back as they were written, in either format and in any chunks', async () => {
  const id = fc.string({ unit: 'grapheme', maxLength: 12 });
  const timestamp = fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), {
    nil: undefined,
  });
  const items = fc.array(fc.tuple(id, id, timestamp), { minLength: 1, maxLength: 20 });
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 1, max: 30 }), async (tuples, chunkBytes) => {
      const expected = tuples.map(([claim, player, at], index) => item(index + 1, claim, player, at));
      const ndjson = expected.map((line) => `${JSON.stringify(line.item)}\n`).join('');
      assert.deepEqual(await read(ndjson, { chunkBytes }), expected);
      const rows = tuples.map(([claim, player, at]) => `${quoted(claim)},${quoted(player)},${at ?? ''}\n`);
      const csv = `claim_id,player_id,timestamp_ms\n${rows.join('')}`;
      const found = await read(csv, { chunkBytes });
      assert.deepEqual(
        found.map((line) => line.item),
        expected.map((line) => line.item),
      );
    }),
    { numRuns: 200 },
  );
});

test('a reader that stops early lets go of the source', async () => {
  for (const [header, line] of [
    ['claim_id,player_id\n', 'c,p\n'],
    ['', '{"claim_id":"c","player_id":"p"}\n'],
  ]) {
    await new Promise<void>((released) => {
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          yield Buffer.from(header + line);
          for (;;) yield Buffer.from(line);
        } finally {
          released();
        }
      }
      const items = readItems({ name: 'f', bytes: endless(), stats: null }, undefined, () => undefined);
      items.next().then(() => items.return());
    });
  }
});

test('an int64 is its own decimal digits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (n) =>
      assert.ok(isInt64(n.toString())),
    ),
  );
  const others = [
    '',
    '-',
    '-0',
    '+1',
    '01',
    '1.0',
    '1e3',
    '0x1',
    ' 1',
    '1 ',
    '1n',
    '٣',
    '9223372036854775808',
  ];
  for (const text of [...others, '-9223372036854775809', '1'.repeat(20)]) assert.ok(!isInt64(text), text);
});
