import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isSampled, MALFORMED, readTraceParent, traceFlags } from '../../src/telemetry/trace-parent.ts';

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((d) => d.join(''));
const id = (digits: number) => hex(digits).filter((text) => /[^0]/.test(text));
/** A header by its parts. */
const parts = fc.record({ traceId: id(32), spanId: id(16), flags: hex(2) });
const later = hex(2).filter((version) => version !== '00' && version !== 'ff');

const EXAMPLE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test("the standard's example", () => {
  assert.deepEqual(readTraceParent(EXAMPLE), {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    sampled: true,
  });
});

test('what is well-formed is read as it was written; sampled is the lowest of its flags alone', () => {
  fc.assert(
    fc.property(parts, ({ traceId, spanId, flags }) => {
      const header = `00-${traceId}-${spanId}-${flags}`;
      assert.equal(traceFlags(header), Number.parseInt(flags, 16));
      const sampled = Number.parseInt(flags, 16) % 2 === 1;
      assert.deepEqual(readTraceParent(header), { traceId, spanId, sampled });
    }),
  );
});

test('a later version is read as far as it is known, with or without more behind a dash', () => {
  fc.assert(
    fc.property(parts, later, fc.string(), ({ traceId, spanId, flags }, version, more) => {
      const header = `${version}-${traceId}-${spanId}-${flags}`;
      for (const text of [header, `${header}-`, `${header}-${more}`]) {
        assert.equal(readTraceParent(text)?.traceId, traceId, text);
      }
      assert.equal(readTraceParent(`${header}x${more}`), undefined);
    }),
  );
});

/** The standard's grammar once more, by other means. */
function isWellFormed(text: string): boolean {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/s.exec(text);
  if (found === null) return false;
  const [, version, traceId, spanId, more] = found;
  if (version === 'ff' || (version === '00' && more !== undefined)) return false;
  return /[^0]/.test(traceId) && /[^0]/.test(spanId);
}

test('a header with something changed, cut off, added: read where the grammar has it, malformed where not', () => {
  const version = fc.oneof(fc.constantFrom('00', 'ff', '01', 'fe', 'FE', '0', ''), hex(2));
  const whole = fc.tuple(version, parts).map(([v, p]) => `${v}-${p.traceId}-${p.spanId}-${p.flags}`);
  const letter = fc.constantFrom(...'0189afgAFG- _:/`@', '\u00e9', '\n');
  const changed = fc
    .tuple(whole, fc.nat(60), letter)
    .map(([text, at, by]) => text.slice(0, at) + by + text.slice(at + 1));
  const cut = fc.tuple(whole, fc.nat(60)).map(([text, at]) => text.slice(0, at));
  const added = fc.tuple(whole, fc.string()).map(([text, more]) => text + more);
  fc.assert(
    fc.property(fc.oneof(whole, changed, cut, added, fc.string()), (text) => {
      assert.equal(traceFlags(text) !== MALFORMED, isWellFormed(text));
      assert.equal(readTraceParent(text) !== undefined, isWellFormed(text));
    }),
    { numRuns: 2_000 },
  );
});

const BAD = {
  'an all-zero trace id': '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  'an all-zero span id': '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  'upper case': EXAMPLE.toUpperCase(),
  'version ff': `ff${EXAMPLE.slice(2)}`,
  'version 00 with more behind': `${EXAMPLE}-00`,
  'two headers joined into one': `${EXAMPLE}, ${EXAMPLE}`,
  'spaces around it': ` ${EXAMPLE}`,
  nothing: '',
};
for (const [name, header] of Object.entries(BAD)) {
  test(`malformed: ${name}`, () => {
    assert.equal(traceFlags(header), MALFORMED);
    assert.equal(isSampled(traceFlags(header)), false);
    assert.equal(readTraceParent(header), undefined);
  });
}
