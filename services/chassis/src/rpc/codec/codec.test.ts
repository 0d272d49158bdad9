import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  isFieldSet,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { codecOf, isCompilable } from './codec.ts';

const generated = fileURLToPath(new URL('../../../../../proto/gen/', import.meta.url));
const files = readdirSync(generated, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('_pb.ts'));
const modules = await Promise.all(
  files.map((file) => import(`${generated}${file}`) as Promise<Record<string, unknown>>),
);
const isMessage = (value: unknown): value is DescMessage =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'message';
const messages = modules.flatMap((module) => Object.values(module).filter(isMessage));

const NUMBERS: readonly number[] = [0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 31 - 1];
// Lengths around those at which a length or a way of writing changes, and text of every width.
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .tuple(
      fc.constantFrom('a', 'é', '語', '😀', '\ud800', '\0', '\ufeff'),
      fc.constantFrom(39, 40, 41, 43, 64, 127, 128),
    )
    .map(([unit, count]) => unit.repeat(count)),
);
const values: Partial<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 200 }),
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.DOUBLE]: fc.oneof(fc.double(), fc.constantFrom(-0, 0, Number.NaN, 2 ** 53)),
  [ScalarType.INT32]: fc.oneof(fc.integer(), fc.constantFrom(...NUMBERS, -1, -(2 ** 31))),
  [ScalarType.UINT32]: fc.oneof(fc.nat(), fc.constantFrom(...NUMBERS, 2 ** 32 - 1)),
};

/** Any of a message's fields, as a caller may write them. */
function initOf(desc: DescMessage, depth = 0): fc.Arbitrary<object> {
  const fields = desc.fields.map((field) => [field.localName, valuesOf(field, depth)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function valuesOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const one =
    field.message !== undefined
      ? depth > 3
        ? fc.constant({})
        : initOf(field.message, depth + 1)
      : ((field.scalar === undefined ? values[ScalarType.INT32] : values[field.scalar]) as fc.Arbitrary<unknown>);
  if (field.fieldKind === 'list') return fc.array(one, { maxLength: 3 });
  if (field.fieldKind === 'map') {
    const key = fc.oneof(fc.string({ maxLength: 8 }), fc.constant('__proto__'));
    return fc.array(fc.tuple(key, one), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
  }
  return fc.option(one, { nil: undefined });
}

const whole = (desc: DescMessage, init: object): Message => create(desc, init as never);

describe('codec', () => {
  it('knows every message of proto', () => {
    expect(messages.length).toBeGreaterThan(100);
    expect(messages.filter((desc) => !isCompilable(desc)).map((desc) => desc.typeName)).toEqual([]);
  });

  it.each(messages.map((desc) => [desc.typeName, desc] as const))(
    'writes and reads %s as protobuf-es does [rpc:codec]',
    (_name, desc) => {
      const codec = codecOf(desc);
      fc.assert(
        fc.property(initOf(desc), (init) => {
          const bytes = toBinary(desc, whole(desc, init));
          expect(codec.encode(init).equals(bytes)).toBe(true);
          expect(codec.encode(whole(desc, init)).equals(bytes)).toBe(true);
          expect(codec.decode(bytes)).toEqual(fromBinary(desc, bytes));
        }),
        { numRuns: 15 },
      );
    },
  );

  it.each(messages.map((desc) => [desc.typeName, desc] as const))(
    'reads or refuses bytes of %s that were cut or altered, and ends [rpc:codec-hostile]',
    (_name, desc) => {
      const codec = codecOf(desc);
      fc.assert(
        fc.property(initOf(desc), fc.nat(), fc.nat(255), (init, place, byte) => {
          const bytes = Buffer.from(toBinary(desc, whole(desc, init)));
          if (bytes.length === 0) return;
          const altered = Buffer.from(bytes);
          altered[place % bytes.length] = byte;
          for (const hostile of [bytes.subarray(0, place % bytes.length), altered]) {
            let message: Message;
            try {
              message = codec.decode(hostile);
            } catch (error) {
              // Some are made outside of jest's realm, hence no instanceof.
              expect(String(error)).toMatch(/^\w*Error/);
              continue;
            }
            expect(message.$typeName).toBe(desc.typeName);
            codec.encode(message);
          }
        }),
        { numRuns: 15 },
      );
    },
  );
});

describe('fields that are not known', () => {
  const byName = (name: string) => messages.find((desc) => desc.typeName === name) as DescMessage;
  const record = byName('sallyport.audit.v1.Record');
  const answer = byName('sallyport.audit.v1.AppendResponse');

  it('are kept when a message is read and written again', () => {
    const bytes = toBinary(record, whole(record, { model: 'm', turn: 't', step: 3, teams: ['a', 'b'] }));
    const read = codecOf(answer).decode(bytes);
    expect(read).toEqual(fromBinary(answer, bytes));
    expect(fromBinary(record, codecOf(answer).encode(read))).toEqual(fromBinary(record, bytes));
  });

  it('are those of another wire type too', () => {
    // Field 1 of AppendResponse is a double; here it is a text.
    const read = codecOf(answer).decode(Buffer.from([0x0a, 0x01, 0x61]));
    expect(read).toMatchObject({ batch: 0, $unknown: [{ no: 1, wireType: 2 }] });
  });
});

describe('a field that is a message', () => {
  it('is merged when it comes twice, and lists grow', () => {
    const desc = messages.find((one) => one.typeName === 'sallyport.policy.v1.Released') as DescMessage;
    const part = (init: object) => toBinary(desc, whole(desc, init));
    const bytes = Buffer.concat([
      part({ label: { trusted: true, sources: ['a'] }, callIds: ['1'] }),
      part({ label: { public: true, sources: ['b'] }, callIds: ['2'], tenant: 't' }),
    ]);
    const read = codecOf(desc).decode(bytes);
    expect(read).toEqual(fromBinary(desc, bytes));
    expect(isFieldSet(read, desc.fields.find(({ name }) => name === 'label') as DescField)).toBe(true);
  });
});
