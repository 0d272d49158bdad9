import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import {
  begin,
  closeLength,
  finish,
  openLength,
  writeBool,
  writeBytes,
  writeDouble,
  writeInt32,
  writeRaw,
  writeString,
  writeUint32,
  writeVarint,
} from './writer.ts';

/** A message by the names of its fields, with or without `$typeName`. */
export type Fields = { readonly [field: string]: unknown };

type WriteFields = (message: Fields) => void;
type WriteValue = (value: never) => void;

const LENGTH_DELIMITED = 2;
const WIRE_TYPES: Partial<Record<ScalarType, number>> = {
  [ScalarType.DOUBLE]: 1,
  [ScalarType.STRING]: LENGTH_DELIMITED,
  [ScalarType.BYTES]: LENGTH_DELIMITED,
  [ScalarType.BOOL]: 0,
  [ScalarType.INT32]: 0,
  [ScalarType.UINT32]: 0,
};

const compiled = new Map<DescMessage, WriteFields>();

/** Makes the encoder of a message that `isCompilable` allows. It takes whole messages and such with some fields left out. */
export function encoderOf(desc: DescMessage): (message: object) => Buffer {
  const write = fieldsOf(desc);
  return (message) => {
    begin();
    write(message as Fields);
    return finish();
  };
}

function fieldsOf(desc: DescMessage): WriteFields {
  const known = compiled.get(desc);
  if (known !== undefined) return known;
  const fields: WriteFields[] = [];
  const write: WriteFields = (message) => {
    for (let index = 0; index < fields.length; index++) (fields[index] as WriteFields)(message);
    const unknown = message.$unknown as { no: number; wireType: number; data: Uint8Array }[] | undefined;
    if (unknown === undefined) return;
    for (const { no, wireType, data } of unknown) {
      writeVarint(((no << 3) | wireType) >>> 0);
      writeRaw(data);
    }
  };
  // Before its fields, so that a message that holds itself finds this one.
  compiled.set(desc, write);
  for (const field of [...desc.fields].sort((a, b) => a.number - b.number)) fields.push(fieldOf(field));
  return write;
}

function fieldOf(field: DescField): WriteFields {
  switch (field.fieldKind) {
    case 'list':
      return listOf(field);
    case 'map':
      return mapOf(field);
    default:
      return singularOf(field);
  }
}

function singularOf(field: DescField & { fieldKind: 'scalar' | 'enum' | 'message' }): WriteFields {
  const name = field.localName;
  const write = taggedValueOf(field) as (value: unknown) => void;
  // 2: implicit presence, where a zero is as good as nothing.
  if (field.fieldKind === 'message' || field.presence !== 2) {
    return (message) => {
      const value = message[name];
      if (value !== undefined && value !== null) write(value);
    };
  }
  switch (field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar) {
    case ScalarType.BYTES:
      return (message) => {
        const value = message[name] as Uint8Array | undefined;
        if (value !== undefined && value !== null && value.length > 0) write(value);
      };
    case ScalarType.DOUBLE:
      return (message) => {
        const value = message[name];
        // -0 is not nothing.
        if (value !== undefined && value !== null && !Object.is(value, 0)) write(value);
      };
    default:
      return (message) => {
        const value = message[name];
        if (value !== undefined && value !== null && value !== '' && value !== 0 && value !== false) write(value);
      };
  }
}

/** Writes tag and value. */
function taggedValueOf(field: DescField & { fieldKind: 'scalar' | 'enum' | 'message' }): WriteValue {
  if (field.fieldKind === 'message') return childOf(tagOf(field.number, LENGTH_DELIMITED), field.message);
  const scalar = field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar;
  return taggedScalarOf(field.number, scalar);
}

function taggedScalarOf(number: number, scalar: ScalarType): WriteValue {
  const tag = tagOf(number, WIRE_TYPES[scalar] as number);
  switch (scalar) {
    case ScalarType.STRING:
      return (value: unknown) => {
        writeVarint(tag);
        writeString(typeof value === 'string' ? value : String(value));
      };
    case ScalarType.BYTES:
      return (value: Uint8Array) => {
        writeVarint(tag);
        writeBytes(value);
      };
    case ScalarType.DOUBLE:
      return (value: number) => {
        writeVarint(tag);
        writeDouble(value);
      };
    case ScalarType.BOOL:
      return (value: boolean) => {
        writeVarint(tag);
        writeBool(value);
      };
    case ScalarType.UINT32:
      return (value: number) => {
        writeVarint(tag);
        writeUint32(value);
      };
    default:
      return (value: number) => {
        writeVarint(tag);
        writeInt32(value);
      };
  }
}

function childOf(tag: number, desc: DescMessage): (value: Fields) => void {
  const write = fieldsOf(desc);
  return (value) => {
    writeVarint(tag);
    const mark = openLength(0);
    write(value);
    closeLength(mark, 0);
  };
}

function listOf(field: DescField & { fieldKind: 'list' }): WriteFields {
  const name = field.localName;
  if (field.listKind !== 'message' && field.packed) return packedOf(field);
  const write =
    field.listKind === 'message'
      ? childOf(tagOf(field.number, LENGTH_DELIMITED), field.message)
      : taggedScalarOf(field.number, field.listKind === 'enum' ? ScalarType.INT32 : field.scalar);
  return (message) => {
    const items = message[name] as readonly never[] | undefined | null;
    if (items === undefined || items === null) return;
    for (let index = 0; index < items.length; index++) (write as (value: unknown) => void)(items[index]);
  };
}

function packedOf(field: DescField & { fieldKind: 'list'; listKind: 'scalar' | 'enum' }): WriteFields {
  const name = field.localName;
  const tag = tagOf(field.number, LENGTH_DELIMITED);
  const scalar = field.listKind === 'enum' ? ScalarType.INT32 : field.scalar;
  const write = (
    scalar === ScalarType.DOUBLE
      ? writeDouble
      : scalar === ScalarType.BOOL
        ? writeBool
        : scalar === ScalarType.UINT32
          ? writeUint32
          : writeInt32
  ) as (value: unknown) => void;
  return (message) => {
    const items = message[name] as readonly unknown[] | undefined | null;
    if (items === undefined || items === null || items.length === 0) return;
    writeVarint(tag);
    const mark = openLength(0);
    for (const item of items) write(item);
    closeLength(mark, 0);
  };
}

function mapOf(field: DescField & { fieldKind: 'map' }): WriteFields {
  const name = field.localName;
  const tag = tagOf(field.number, LENGTH_DELIMITED);
  const keyTag = tagOf(1, LENGTH_DELIMITED);
  const write = (
    field.mapKind === 'message'
      ? childOf(tagOf(2, LENGTH_DELIMITED), field.message)
      : taggedScalarOf(2, field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar)
  ) as (value: unknown) => void;
  return (message) => {
    const entries = message[name] as Fields | undefined | null;
    if (entries === undefined || entries === null) return;
    for (const key of Object.keys(entries)) {
      writeVarint(tag);
      const mark = openLength(0);
      writeVarint(keyTag);
      writeString(key);
      write(entries[key]);
      closeLength(mark, 0);
    }
  };
}

function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}
