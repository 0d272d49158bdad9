import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { decoderOf } from './compile-decode.ts';
import { encoderOf } from './compile-encode.ts';
import { canGenerate } from './generate.ts';
import type { ByteSink } from './writer.ts';

/** Turns messages of one type into bytes and back. */
export interface Codec {
  /** The bytes of a message, or of any of its fields; the same as `toBinary(create(…))`. */
  encode(message: object): Buffer;
  /** The same bytes, without a buffer of their own. */
  encodeInto(message: object, sink: ByteSink): void;
  /** The message; byte fields may share memory with `bytes`. Throws for what is no such message. */
  decode(bytes: Uint8Array): Message;
}

const SCALARS: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.BYTES,
  ScalarType.DOUBLE,
  ScalarType.BOOL,
  ScalarType.INT32,
  ScalarType.UINT32,
]);
const PROTO3 = 999;
const codecs = new WeakMap<DescMessage, Codec>();
const mayGenerate = canGenerate();

/**
 * The codec of a message, compiled once from its descriptor, when it is first used; protobuf-es itself, which takes several
 * times as long, where the message holds what ours does not know, or where the process may not make code from text.
 */
export function codecOf(desc: DescMessage): Codec {
  const known = codecs.get(desc);
  if (known !== undefined) return known;
  const codec: Codec =
    mayGenerate && isCompilable(desc)
      ? { ...encoderOf(desc), decode: decoderOf(desc) }
      : {
          encode: (message) => written(desc, message),
          encodeInto(message, sink) {
            const bytes = written(desc, message);
            sink.put(bytes, bytes.length);
          },
          decode: (bytes) => fromBinary(desc, bytes),
        };
  codecs.set(desc, codec);
  return codec;
}

function written(desc: DescMessage, message: object): Buffer {
  const bytes = toBinary(desc, create(desc, message as never));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether our codec knows all that a message can hold: proto3 without oneof, 64-bit integers and well-known types. */
export function isCompilable(desc: DescMessage, seen: Set<DescMessage> = new Set()): boolean {
  if (seen.has(desc)) return true;
  seen.add(desc);
  const isPlain = (desc.file.edition as number) === PROTO3 && !desc.typeName.startsWith('google.protobuf.');
  return isPlain && desc.fields.every((field) => isKnownField(field, seen));
}

function isKnownField(field: DescField, seen: Set<DescMessage>): boolean {
  if (field.oneof !== undefined) return false;
  if (field.fieldKind === 'map' && field.mapKey !== ScalarType.STRING) return false;
  if (field.message !== undefined) return isCompilable(field.message, seen);
  return field.scalar === undefined || SCALARS.has(field.scalar);
}
