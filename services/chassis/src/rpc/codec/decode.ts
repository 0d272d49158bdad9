import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import {
  close,
  isBefore,
  open,
  readBool,
  readBytes,
  readDouble,
  readEnd,
  readInt32,
  readString,
  readVarint,
  skip,
} from './reader.ts';

type Fields = { [field: string]: unknown };
type ReadField = (message: Fields) => void;

interface Decoder {
  /** A message with all fields at their zero. */
  empty(): Fields;
  /** Reads fields into a message up to a position. */
  read(message: Fields, end: number): void;
}

const LENGTH_DELIMITED = 2;
const MAX_DEPTH = 100;
const decoders = new Map<DescMessage, Decoder>();
let depth = 0;

/** Makes the decoder of a message that `isCompilable` allows: what it answers is what `fromBinary` does. */
export function decoderOf(desc: DescMessage): (bytes: Uint8Array) => Message {
  const decoder = compile(desc);
  return (bytes) => {
    open(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    depth = 0;
    try {
      const message = decoder.empty();
      decoder.read(message, bytes.length);
      return message as unknown as Message;
    } finally {
      close();
    }
  };
}

function compile(desc: DescMessage): Decoder {
  const known = decoders.get(desc);
  if (known !== undefined) return known;
  // By tag: a field that comes in another wire type than its own is unknown, as protobuf says.
  const fields: (ReadField | undefined)[] = [];
  const decoder: Decoder = {
    empty: emptyOf(desc),
    read(message, end) {
      if (++depth > MAX_DEPTH) throw new RangeError('The message is nested too deep.');
      while (isBefore(end)) {
        const tag = readVarint();
        const field = fields[tag];
        if (field === undefined) keepUnknown(message, tag);
        else field(message);
      }
      depth--;
    },
  };
  // Before its fields, so that a message that holds itself finds this one.
  decoders.set(desc, decoder);
  for (const field of desc.fields) {
    for (const [wireType, read] of readersOf(field)) fields[(field.number << 3) | wireType] = read;
  }
  return decoder;
}

function keepUnknown(message: Fields, tag: number): void {
  const no = tag >>> 3;
  const wireType = tag & 7;
  if (no === 0) throw new RangeError('A field has no number.');
  message.$unknown ??= [];
  (message.$unknown as unknown[]).push({ no, wireType, data: skip(wireType) });
}

/** Copies a template: objects made field by field under computed names are slow dictionaries in V8. */
function emptyOf(desc: DescMessage): () => Fields {
  const zeros: Fields = { $typeName: desc.typeName };
  const fresh: [string, () => unknown][] = [];
  for (const field of desc.fields) {
    const name = field.localName;
    if (field.fieldKind === 'list') fresh.push([name, () => []]);
    else if (field.fieldKind === 'map') fresh.push([name, () => ({})]);
    else if (field.fieldKind === 'message' || field.presence !== 2) continue;
    else if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES) {
      fresh.push([name, () => new Uint8Array(0)]);
    } else zeros[name] = field.fieldKind === 'enum' ? 0 : zeroOf(field.scalar);
    zeros[name] ??= null;
  }
  const template = JSON.parse(JSON.stringify(zeros)) as Fields;
  return () => {
    const message = { ...template };
    for (let index = 0; index < fresh.length; index++) {
      const [name, make] = fresh[index] as [string, () => unknown];
      message[name] = make();
    }
    return message;
  };
}

function zeroOf(scalar: ScalarType): unknown {
  return scalar === ScalarType.STRING ? '' : scalar === ScalarType.BOOL ? false : 0;
}

/** How a field is read, by wire type. */
function readersOf(field: DescField): [number, ReadField][] {
  const name = field.localName;
  switch (field.fieldKind) {
    case 'message': {
      const { empty, read } = lazy(field.message);
      return [
        [
          LENGTH_DELIMITED,
          (message) => {
            const child = (message[name] as Fields | undefined) ?? empty();
            read(child, readEnd());
            message[name] = child;
          },
        ],
      ];
    }
    case 'list':
      return listReadersOf(field);
    case 'map':
      return [[LENGTH_DELIMITED, mapReaderOf(field)]];
    default: {
      const scalar = field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar;
      return [[wireTypeOf(scalar), singularReaderOf(name, scalar)]];
    }
  }
}

// One closure a type, not one that calls another: a call less for each field.
function singularReaderOf(name: string, scalar: ScalarType): ReadField {
  switch (scalar) {
    case ScalarType.STRING:
      return (message) => {
        message[name] = readString();
      };
    case ScalarType.DOUBLE:
      return (message) => {
        message[name] = readDouble();
      };
    default: {
      const read = scalarReaderOf(scalar);
      return (message) => {
        message[name] = read();
      };
    }
  }
}

function listReadersOf(field: DescField & { fieldKind: 'list' }): [number, ReadField][] {
  const name = field.localName;
  if (field.listKind === 'message') {
    const { empty, read } = lazy(field.message);
    return [
      [
        LENGTH_DELIMITED,
        (message) => {
          const child = empty();
          read(child, readEnd());
          (message[name] as unknown[]).push(child);
        },
      ],
    ];
  }
  const scalar = field.listKind === 'enum' ? ScalarType.INT32 : field.scalar;
  const readScalar = scalarReaderOf(scalar);
  const one: ReadField = (message) => void (message[name] as unknown[]).push(readScalar());
  const wireType = wireTypeOf(scalar);
  if (wireType === LENGTH_DELIMITED) return [[wireType, one]];
  const packed: ReadField = (message) => {
    const end = readEnd();
    while (isBefore(end)) (message[name] as unknown[]).push(readScalar());
  };
  return [
    [wireType, one],
    [LENGTH_DELIMITED, packed],
  ];
}

function mapReaderOf(field: DescField & { fieldKind: 'map' }): ReadField {
  const name = field.localName;
  const child = field.mapKind === 'message' ? lazy(field.message) : undefined;
  const scalar =
    field.mapKind === 'scalar' ? field.scalar : field.mapKind === 'enum' ? ScalarType.INT32 : ScalarType.BYTES;
  const readScalar = scalarReaderOf(scalar);
  const valueTag = (2 << 3) | (child === undefined ? wireTypeOf(scalar) : LENGTH_DELIMITED);
  const zero = () => child?.empty() ?? (scalar === ScalarType.BYTES ? new Uint8Array(0) : (zeroOf(scalar) as unknown));
  return (message) => {
    const end = readEnd();
    let key = '';
    let value: unknown;
    while (isBefore(end)) {
      const tag = readVarint();
      if (tag === ((1 << 3) | LENGTH_DELIMITED)) key = readString();
      else if (tag !== valueTag) skip(tag & 7);
      else if (child === undefined) value = readScalar();
      else {
        value ??= child.empty();
        child.read(value as Fields, readEnd());
      }
    }
    // A key may be `__proto__`.
    Object.defineProperty(message[name], key, {
      value: value ?? zero(),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  };
}

// Looked up at the first message: it may be the very one that is being compiled.
function lazy(desc: DescMessage): Decoder {
  let decoder: Decoder | undefined;
  const found = () => {
    decoder ??= compile(desc);
    return decoder;
  };
  return { empty: () => found().empty(), read: (message, end) => found().read(message, end) };
}

function scalarReaderOf(scalar: ScalarType): () => unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return readString;
    case ScalarType.BYTES:
      return readBytes;
    case ScalarType.DOUBLE:
      return readDouble;
    case ScalarType.BOOL:
      return readBool;
    case ScalarType.UINT32:
      return readVarint;
    default:
      return readInt32;
  }
}

function wireTypeOf(scalar: ScalarType): number {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return LENGTH_DELIMITED;
  return scalar === ScalarType.DOUBLE ? 1 : 0;
}
