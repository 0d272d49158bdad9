import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { codecOf, isCompilable } from './codec.ts';

const DOUBLE = 1;
const MESSAGE = 11;
const BYTES = 12;
const TYPES = { Double: DOUBLE, Int32: 5, Bool: 8, Text: 9, Kinds: MESSAGE, Bytes: BYTES, Uint32: 13, State: 14 };
const REPEATED = 3;

/** A message that holds each type in each way in which ours can be held, itself too, and names that need care. */
function kindsOf(): DescMessage {
  const oneofDecl: { name: string }[] = [];
  const nestedType: object[] = [];
  const field: object[] = [];
  const add = (name: string, type: number, more: object = {}) =>
    field.push({ name, number: field.length + 1, label: 1, type, ...more });
  for (const [name, type] of Object.entries(TYPES)) {
    const typeName = name === 'Kinds' || name === 'State' ? `.test.${name}` : '';
    add(`one${name}`, type, { typeName });
    add(`many${name}`, type, { typeName, label: REPEATED });
    const canPack = type !== MESSAGE && type !== BYTES && name !== 'Text';
    if (canPack) add(`loose${name}`, type, { typeName, label: REPEATED, options: { packed: false } });
    if (type !== MESSAGE) {
      add(`maybe${name}`, type, { typeName, proto3Optional: true, oneofIndex: oneofDecl.length });
      oneofDecl.push({ name: `_maybe${name}` });
    }
    add(`map${name}`, MESSAGE, { label: REPEATED, typeName: `.test.Kinds.Map${name}Entry` });
    nestedType.push({
      name: `Map${name}Entry`,
      options: { mapEntry: true },
      field: [
        { name: 'key', number: 1, label: 1, type: TYPES.Text },
        { name: 'value', number: 2, label: 1, type, typeName },
      ],
    });
  }
  for (const name of ['constructor', 'to_string', 'class', '__proto__', 'value', 'message', 'tag'])
    add(name, TYPES.Text);
  add('far', TYPES.Text, { number: 5_000 });
  const file = create(FileDescriptorProtoSchema, {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    enumType: [{ name: 'State', value: [{ name: 'NONE', number: 0 }] }],
    messageType: [{ name: 'Kinds', field, nestedType, oneofDecl }],
  } as never);
  return createFileRegistry(file, () => undefined).getMessage('test.Kinds') as DescMessage;
}

const kinds = kindsOf();
const codec = codecOf(kinds);
const values: Record<string, fc.Arbitrary<unknown>> = {
  Double: fc.oneof(fc.double(), fc.constantFrom(0, -0)),
  Int32: fc.oneof(fc.integer(), fc.constant(0)),
  Bool: fc.boolean(),
  Text: fc.string({ unit: 'binary', maxLength: 50 }),
  Bytes: fc.uint8Array({ maxLength: 200 }),
  Uint32: fc.nat(),
  State: fc.nat(3),
};

function initOf(depth: number): fc.Arbitrary<object> {
  const fields = kinds.fields.map(({ localName, fieldKind }) => {
    const name = Object.keys(TYPES).find((type) => localName.endsWith(type)) ?? 'Text';
    const one =
      name === 'Kinds' ? (depth > 1 ? fc.constant({}) : initOf(depth + 1)) : (values[name] ?? fc.constant(''));
    const key = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('__proto__', 'toString'));
    if (fieldKind === 'list') return [localName, fc.array(one, { maxLength: 3 })] as const;
    if (fieldKind !== 'map') return [localName, one] as const;
    return [localName, fc.array(fc.tuple(key, one), { maxLength: 2 }).map((all) => Object.fromEntries(all))] as const;
  });
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const tagOf = (name: string, wireType: number): number[] => {
  const { number } = kinds.fields.find(({ localName }) => localName === name) as DescField;
  return varint((number << 3) | wireType);
};
const bytesOf = (init: object) => toBinary(kinds, create(kinds, init as never));
const nested = (depth: number): object => (depth === 1 ? {} : { oneKinds: nested(depth - 1) });

describe('generated code', () => {
  it('is made for every way to hold a value', () => {
    expect(isCompilable(kinds)).toBe(true);
    expect(kinds.fields.map(({ localName }) => localName)).not.toContain('__proto__');
  });

  it('writes and reads as protobuf-es does [rpc:codec]', () => {
    fc.assert(
      fc.property(initOf(1), (init) => {
        const bytes = bytesOf(init);
        expect(codec.encode(init).equals(bytes)).toBe(true);
        const read = codec.decode(bytes);
        expect(read).toEqual(fromBinary(kinds, bytes));
        // No property is there for what is absent.
        expect(Object.keys(read).sort()).toEqual(Object.keys(fromBinary(kinds, bytes)).sort());
      }),
      { numRuns: 40 },
    );
  });

  it('reads fields in any order, and those that come twice [rpc:codec]', () => {
    fc.assert(
      fc.property(initOf(2), initOf(2), (one, other) => {
        const inParts = Object.entries(one).map(([name, value]) => bytesOf({ [name]: value }));
        const bytes = Buffer.concat([...inParts.reverse(), bytesOf(other), ...inParts]);
        expect(codec.decode(bytes)).toEqual(fromBinary(kinds, bytes));
      }),
      { numRuns: 25 },
    );
  });

  it('reads lists of numbers written either way [rpc:codec]', () => {
    const alone = [1, 300, 0].flatMap((value) => [...tagOf('manyInt32', 0), ...varint(value)]);
    const bytes = Buffer.from([...alone, ...tagOf('manyInt32', 2), 2, 5, 6]);
    expect(codec.decode(bytes)).toMatchObject({ manyInt32: [1, 300, 0, 5, 6] });
  });

  it('keeps lengths right where one message of a type holds another, of whatever length [rpc:codec]', () => {
    for (const length of [10, 200, 20_000, 100, 5, 200]) {
      const init = { oneKinds: { oneText: 'a', oneKinds: { oneText: 'b'.repeat(length) }, tag: 'end' } };
      expect(codec.encode(init).equals(bytesOf(init))).toBe(true);
    }
  });

  it('reads what is nested a hundred deep and refuses more [rpc:codec-hostile]', () => {
    expect(codec.decode(bytesOf(nested(100)))).toEqual(create(kinds, nested(100) as never));
    const deeper = codec.encode(nested(101));
    expect(() => codec.decode(deeper)).toThrow('nested too deep');
  });

  it.each([
    ['a field without a number', [0, 0]],
    ['a text that reaches beyond its message', [...tagOf('oneKinds', 2), 3, ...tagOf('oneText', 2), 2, 65, 66]],
    ['a length beyond the end', [...tagOf('oneText', 2), 5]],
    ['a group', [...tagOf('oneInt32', 3), ...tagOf('oneInt32', 4)]],
    ['a number without an end', [...tagOf('oneInt32', 0), ...new Array(10).fill(0xff), 1]],
  ])('refuses %s, at the top and below [rpc:codec-hostile]', (_what, bytes) => {
    for (const hostile of [bytes, [...tagOf('oneKinds', 2), bytes.length, ...bytes]]) {
      expect(() => codec.decode(Buffer.from(hostile))).toThrow(/cut short|no number|cannot be read|too long/);
    }
  });

  it('keeps what is not known of a message that comes twice [rpc:codec]', () => {
    const unknown = (value: number) => [...tagOf('oneKinds', 2), 4, ...varint(4_000 << 3), value];
    const bytes = Buffer.from([...unknown(1), ...unknown(2)]);
    const read = codec.decode(bytes);
    expect(read).toEqual(fromBinary(kinds, bytes));
    expect(read).toMatchObject({ oneKinds: { $unknown: [{ no: 4_000 }, { no: 4_000 }] } });
  });

  it('reads one message as well after another was refused [rpc:codec-hostile]', () => {
    const bytes = Buffer.from(bytesOf({ oneKinds: { manyText: ['a', 'b'] }, oneText: 'c' }));
    for (let end = 0; end < bytes.length; end++) {
      let cut: Message | undefined;
      try {
        cut = codec.decode(bytes.subarray(0, end));
      } catch {}
      expect(cut === undefined || cut.$typeName === 'test.Kinds').toBe(true);
      expect(codec.decode(bytes)).toEqual(fromBinary(kinds, bytes));
    }
  });
});
