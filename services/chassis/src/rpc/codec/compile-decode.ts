import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { isAlways, LENGTH_DELIMITED, scalarOf, tagOf, wireTypeOf } from './field-type.ts';
import { functionOf } from './generate.ts';
import * as reader from './reader.ts';

interface Decoder {
  /** Reads a message up to a position; on top of `before` where one field holds a message twice. */
  read: (end: number, depth: number, before: object | undefined) => object;
}

/** A field, the source of its property's name, and the variable for its value while the message is read. */
interface Slot {
  readonly field: DescField;
  readonly name: string;
  readonly variable: string;
  /** The decoder's variable if the field holds messages. */
  readonly child: string;
}

const { open, close } = reader;
const MAX_DEPTH = 100;
const decoders = new Map<DescMessage, Decoder>();

/** Makes the decoder of a message that `isCompilable` allows, at the first message: what it answers is what `fromBinary` does. */
export function decoderOf(desc: DescMessage): (bytes: Uint8Array) => Message {
  let decoder: Decoder | undefined;
  return (bytes) => {
    decoder ??= compile(desc);
    open(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    try {
      return decoder.read(bytes.length, 1, undefined) as Message;
    } finally {
      close();
    }
  };
}

function compile(desc: DescMessage): Decoder {
  const known = decoders.get(desc);
  if (known !== undefined) return known;
  const decoder: Decoder = { read: () => ({}) };
  // Before its fields, so that a message that holds itself finds this one.
  decoders.set(desc, decoder);
  const children: Decoder[] = [];
  const slots = desc.fields.map((field, index): Slot => {
    const child = field.message === undefined ? '' : `child${children.push(compile(field.message)) - 1}`;
    return { field, name: JSON.stringify(field.localName), variable: `field${index}`, child };
  });
  decoder.read = functionOf(
    `${desc.typeName}/read`,
    { ...reader, keepUnknown, setEntry, children },
    `${children.map((_, index) => `const child${index} = children[${index}];`).join('\n')}
    return ${messageSource(desc, slots)};`,
  );
  return decoder;
}

/**
 * Values are kept in variables, and the message is made of them in one literal: all of a type have one shape. Fields mostly
 * come in the order of their numbers, so the next tag is looked for behind the one before.
 */
function messageSource(desc: DescMessage, slots: readonly Slot[]): string {
  const inOrder = [...slots].sort((a, b) => a.field.number - b.field.number);
  return `function read(end, depth, before) {
    if (depth > ${MAX_DEPTH}) throw new RangeError('The message is nested too deep.');
    let unknown;
    ${slots.map(({ field, variable }) => `let ${variable}${startSource(field)};`).join('\n')}
    if (before !== undefined) {
      unknown = before.$unknown;
      ${slots.map(({ name, variable }) => `${variable} = before[${name}];`).join('\n')}
    }
    let tag = readTag(end);
    while (tag !== 0) {
      const from = position();
      ${inOrder.flatMap(readSources).join('\n')}
      if (tag !== 0 && position() === from) {
        unknown = keepUnknown(unknown, tag);
        tag = readTag(end);
      }
    }
    ${resultSource(desc, slots)}
  }`;
}

/** What a field's variable holds at first; nothing where the message may be without, or where making it is put off. */
function startSource(field: DescField): string {
  if (field.fieldKind === 'list') return ' = []';
  if (field.fieldKind === 'map') return ' = {}';
  return isAlways(field) && scalarOf(field) !== ScalarType.BYTES ? ` = ${zeroSource(scalarOf(field))}` : '';
}

function zeroSource(scalar: ScalarType | undefined): string {
  if (scalar === ScalarType.BYTES) return 'new Uint8Array(0)';
  return scalar === ScalarType.STRING ? "''" : scalar === ScalarType.BOOL ? 'false' : '0';
}

/** The message of its variables. It has no property for what it is without. */
function resultSource({ typeName }: DescMessage, slots: readonly Slot[]): string {
  const maybe = slots.filter(({ field }) => !isAlways(field));
  const literalOf = (some: readonly Slot[]) =>
    `{ $typeName: ${JSON.stringify(typeName)}, ${some.map((slot) => `${slot.name}: ${valueSource(slot)}`).join(', ')} }`;
  return `let message;
    if (${['true', ...maybe.map(({ variable }) => `${variable} !== undefined`)].join(' && ')}) {
      message = ${literalOf(slots)};
    } else {
      message = ${literalOf(slots.filter((slot) => !maybe.includes(slot)))};
      ${maybe.map(({ name, variable }) => `if (${variable} !== undefined) message[${name}] = ${variable};`).join('\n')}
    }
    if (unknown !== undefined) message.$unknown = unknown;
    return message;`;
}

function valueSource({ field, variable }: Slot): string {
  const isPutOff = field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES && isAlways(field);
  return isPutOff ? `${variable} ?? ${zeroSource(field.scalar)}` : variable;
}

/** How a field is read, by each tag that it may come with; in another wire type it is unknown, as protobuf says. */
function readSources({ field, variable, child }: Slot): string[] {
  const scalar = scalarOf(field);
  const tag = tagOf(field.number, wireTypeOf(scalar));
  const delimited = tagOf(field.number, LENGTH_DELIMITED);
  const value = (before: string) =>
    scalar === undefined ? `${child}.read(readEnd(), depth + 1, ${before})` : scalarSource(scalar);
  const step = 'tag = readTag(end);';
  switch (field.fieldKind) {
    case 'list': {
      const item = value('undefined');
      // Made of its first item, a list has room for one; by a push it gets room for seventeen.
      const one = `while (tag === ${tag}) {
        if (${variable}.length === 0) ${variable} = [${item}]; else ${variable}.push(${item});
        ${step}
      }`;
      if (tag === delimited) return [one];
      const packed = `const to = readEnd(); while (isBefore(to)) ${variable}.push(${item});`;
      return [one, `while (tag === ${delimited}) { ${packed} ${step} }`];
    }
    case 'map':
      return [`while (tag === ${delimited}) { ${entrySource(field, variable, child, value('value'))} ${step} }`];
    default:
      return [`if (tag === ${tag}) { ${variable} = ${value(variable)}; ${step} }`];
  }
}

function entrySource(field: DescField & { fieldKind: 'map' }, variable: string, child: string, value: string): string {
  const scalar = scalarOf(field);
  const empty = scalar === undefined ? `${child}.read(position(), 1, undefined)` : zeroSource(scalar);
  return `const to = readEnd();
    let key = '';
    let value;
    while (isBefore(to)) {
      const part = readVarint();
      if (part === ${tagOf(1, LENGTH_DELIMITED)}) key = readString();
      else if (part === ${tagOf(2, wireTypeOf(scalar))}) value = ${value};
      else skip(part & 7);
    }
    setEntry(${variable}, key, value ?? ${empty});`;
}

function scalarSource(scalar: ScalarType): string {
  switch (scalar) {
    case ScalarType.STRING:
      return 'readString()';
    case ScalarType.BYTES:
      return 'readBytes()';
    case ScalarType.DOUBLE:
      return 'readDouble()';
    case ScalarType.BOOL:
      return 'readBool()';
    case ScalarType.UINT32:
      return 'readVarint()';
    default:
      return 'readInt32()';
  }
}

function keepUnknown(known: object[] | undefined, tag: number): object[] {
  const no = tag >>> 3;
  const wireType = tag & 7;
  if (no === 0) throw new RangeError('A field has no number.');
  const unknown = known ?? [];
  unknown.push({ no, wireType, data: reader.skip(wireType) });
  return unknown;
}

function setEntry(entries: { [key: string]: unknown }, key: string, value: unknown): void {
  // A key may be `__proto__`, which an assignment would not make an entry.
  if (key in entries) {
    Object.defineProperty(entries, key, { value, writable: true, enumerable: true, configurable: true });
  } else entries[key] = value;
}
