/**
 * Items as fast-check makes them: messages encoded by protobufjs, then put on the wire in every
 * form a foreign client may: fields in any order and repeatedly, unknown ones of every wire type
 * between them, varints longer than needed.
 */
import fc from 'fast-check';
import { messageType } from './oracle.ts';
import {
  I32,
  I64,
  LEN,
  type Padding,
  readFields,
  SGROUP,
  VARINT,
  varint,
  varintOf,
  type WireField,
  writeField,
} from './wire-forms.ts';

const id = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 64 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  { weight: 1, arbitrary: fc.constantFrom('', 'x'.repeat(64), 'x'.repeat(65), 'a\nb', 'a\u{85}b') },
);
const timestamp = fc.oneof(
  fc.constant(null),
  fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 }).map(BigInt),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)),
);

/** A SubmitClaimRequest as protobufjs encodes it; every field may be absent. */
export const submitBytes = fc
  .record({ claimId: id, playerId: id, timestampMs: timestamp }, { requiredKeys: ['timestampMs'] })
  .map(({ timestampMs, ...ids }) => {
    const time = timestampMs === null ? {} : { timestampMs: String(timestampMs) };
    const type = messageType('SubmitClaimRequest');
    return type.encode(type.fromObject({ ...ids, ...time })).finish();
  });

/** What no version of an item knows, groups within groups among it. */
const { unknownField } = fc.letrec<{ unknownField: Uint8Array; group: Uint8Array }>((tie) => ({
  unknownField: fc.oneof(
    { maxDepth: 4 },
    fieldOf(
      VARINT,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => varint(value)),
    ),
    fieldOf(LEN, fc.uint8Array({ maxLength: 200 })),
    fieldOf(I32, fc.uint8Array({ minLength: 4, maxLength: 4 })),
    fieldOf(I64, fc.uint8Array({ minLength: 8, maxLength: 8 })),
    fieldOf(SGROUP, tie('group')),
  ),
  // Inside a group every number is unknown, those of an item too.
  group: fc.array(fc.oneof(tie('unknownField'), submitBytes), { maxLength: 3 }).map(Buffer.concat),
}));

function fieldOf(wireType: number, value: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const number = fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 4, max: 2 ** 29 - 1 }));
  return fc.tuple(number, value).map(([n, bytes]) => writeField(n, wireType, bytes));
}

/** Bytes to make tags, lengths and values longer by. */
const paddings = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 9), { minLength: 1, maxLength: 6 });

/** Any of the messages' fields and unknown ones, shuffled and padded: one message. */
export function scattered(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.array(messages, { minLength: 1, maxLength: 3 }), fc.array(unknownField, { maxLength: 4 }))
    .map((parts) => fieldsOf(Buffer.concat(parts.flat())))
    .chain((fields) =>
      fc.tuple(fc.shuffledSubarray(fields, { minLength: fields.length }), paddings, paddings),
    )
    .map(([fields, tags, lengths]) =>
      Buffer.concat(
        fields.map((field, i) =>
          rewrite(field, { tag: tags[i % tags.length], length: lengths[i % lengths.length] }),
        ),
      ),
    );
}

/** A SubmitClaimRequest in any form. */
export const submitForms = scattered(submitBytes);

function fieldsOf(message: Uint8Array): WireField[] {
  const fields = readFields(message);
  if (fields === null) throw new Error('the generator made no message');
  return fields;
}

/** Writes the field again, its varints longer by as much as fits. */
function rewrite(field: WireField, padding: Padding): Uint8Array {
  const { number, wireType, value } = field;
  const tag = uint32Padding(varint(number * 8 + wireType).length, padding.tag);
  if (wireType === VARINT) {
    const longer = varint(varintOf(value), Math.min(padding.length, 10 - varint(varintOf(value)).length));
    return writeField(number, VARINT, longer, { tag, length: 0 });
  }
  if (wireType === LEN) {
    const length = uint32Padding(varint(value.length).length, padding.length);
    return writeField(number, LEN, value, { tag, length });
  }
  // A group's value holds its end-group tag already.
  return Buffer.concat([varint(number * 8 + wireType, tag), value]);
}

/** To 5 bytes at most, or to 10: protobufjs reads 6 to 9 bytes wrongly. */
function uint32Padding(bytes: number, wanted: number): number {
  return wanted > 5 ? 10 - bytes : Math.min(wanted, 5 - bytes);
}
