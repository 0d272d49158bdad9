import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { isAlways, LENGTH_DELIMITED, scalarOf, tagOf, wireTypeOf } from './field-type.ts';
import { functionOf } from './generate.ts';
import * as writer from './writer.ts';

interface Encoder {
  /** Writes a message, or any of its fields, by name. */
  write: (message: object) => void;
}

const { begin, finish, finishInto } = writer;
const encoders = new Map<DescMessage, Encoder>();

/**
 * Makes the encoder of a message that `isCompilable` allows, at the first message. It takes whole messages and such with
 * some fields left out.
 */
export function encoderOf(desc: DescMessage): {
  encode: (message: object) => Buffer;
  encodeInto: (message: object, sink: writer.ByteSink) => void;
} {
  let encoder: Encoder | undefined;
  const write = (message: object) => {
    encoder ??= compile(desc);
    begin();
    encoder.write(message);
  };
  return {
    encode(message) {
      write(message);
      return finish();
    },
    encodeInto(message, sink) {
      write(message);
      finishInto(sink);
    },
  };
}

function compile(desc: DescMessage): Encoder {
  const known = encoders.get(desc);
  if (known !== undefined) return known;
  const encoder: Encoder = { write: () => undefined };
  // Before its fields, so that a message that holds itself finds this one.
  encoders.set(desc, encoder);
  const children: Encoder[] = [];
  const fields = [...desc.fields].sort((a, b) => a.number - b.number);
  const statements = fields.map((field) => {
    const child = field.message === undefined ? -1 : children.push(compile(field.message)) - 1;
    return `value = message[${JSON.stringify(field.localName)}];\n${fieldSource(field, child)}`;
  });
  encoder.write = functionOf(
    `${desc.typeName}/write`,
    { ...writer, isSomething, children },
    `${children.map((_, index) => `const child${index} = children[${index}]; let guess${index} = 0;`).join('\n')}
    return function write(message) {
      let value;
      ${statements.join('\n')}
      if (message.$unknown !== undefined) writeUnknown(message.$unknown);
    };`,
  );
  return encoder;
}

/** Writes the `value` of a field; nothing where there is none. */
function fieldSource(field: DescField, child: number): string {
  if (field.fieldKind === 'list') return `if (${IS_THERE}) { ${listSource(field, child)} }`;
  if (field.fieldKind === 'map') return `if (${IS_THERE}) { ${mapSource(field, child)} }`;
  const condition = isAlways(field) ? nonZeroSource(scalarOf(field)) : IS_THERE;
  return `if (${condition}) { ${taggedSource(field, field.number, child)} }`;
}

const IS_THERE = 'value !== undefined && value !== null';

/** Asks first for the type that the value should have: what else is there may be converted, or refused, when written. */
function nonZeroSource(scalar: ScalarType | undefined): string {
  switch (scalar) {
    case ScalarType.STRING:
      return "typeof value === 'string' ? value.length > 0 : isSomething(value)";
    case ScalarType.BYTES:
      return `${IS_THERE} && value.length > 0`;
    case ScalarType.DOUBLE:
      // -0 is not nothing.
      return `${IS_THERE} && (value !== 0 || Object.is(value, -0))`;
    case ScalarType.BOOL:
      return 'value === true || isSomething(value)';
    default:
      return "typeof value === 'number' ? value !== 0 : isSomething(value)";
  }
}

function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}

/** Writes a tag and `value`. */
function taggedSource(field: DescField, number: number, child: number): string {
  const scalar = scalarOf(field);
  const tag = `writeTag(${tagOf(number, wireTypeOf(scalar))});`;
  if (scalar !== undefined) return `${tag} ${scalarSource(scalar)}`;
  // As long as the one before, most likely. A message that holds itself changes the guess meanwhile.
  return `${tag} {
    const guess = guess${child};
    const mark = openLength(guess);
    child${child}.write(value);
    guess${child} = closeLength(mark, guess);
  }`;
}

function scalarSource(scalar: ScalarType): string {
  switch (scalar) {
    case ScalarType.STRING:
      return "writeString(typeof value === 'string' ? value : String(value));";
    case ScalarType.BYTES:
      return 'writeBytes(value);';
    case ScalarType.DOUBLE:
      return 'writeDouble(value);';
    case ScalarType.BOOL:
      return 'writeBool(value);';
    case ScalarType.UINT32:
      return 'writeUint32(value);';
    default:
      return 'writeInt32(value);';
  }
}

function listSource(field: DescField & { fieldKind: 'list' }, child: number): string {
  const scalar = scalarOf(field);
  if (scalar === undefined || !field.packed) {
    return `const items = value;
    for (let index = 0; index < items.length; index++) {
      value = items[index];
      ${taggedSource(field, field.number, child)}
    }`;
  }
  return `if (value.length !== 0) {
    writeTag(${tagOf(field.number, LENGTH_DELIMITED)});
    const mark = openLength(0);
    const items = value;
    for (value of items) { ${scalarSource(scalar)} }
    closeLength(mark, 0);
  }`;
}

function mapSource(field: DescField & { fieldKind: 'map' }, child: number): string {
  return `const entries = value;
  for (const key of Object.keys(entries)) {
    writeTag(${tagOf(field.number, LENGTH_DELIMITED)});
    const entry = openLength(0);
    writeTag(${tagOf(1, LENGTH_DELIMITED)});
    writeString(key);
    value = entries[key];
    ${taggedSource(field, 2, child)}
    closeLength(entry, 0);
  }`;
}
