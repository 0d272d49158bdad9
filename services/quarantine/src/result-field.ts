import { GatewayError } from '@sallyport/chassis/errors';
import type {
  Presentation as PresentationMessage,
  ResultField as ResultFieldMessage,
} from '@sallyport/proto/policy/v1/policy_pb';
import { pointerTokens } from '@sallyport/turn/json-pointer';
import { DEFAULT_LINE } from './plain-text.ts';

const TYPES = ['String', 'Integer', 'Number', 'Boolean', 'Date', 'DateTime', 'Enum', 'Handle'] as const;
const MAX_FIELDS = 64;
const MAX_VALUES = 64;
const MAX_LINE = 1024;
const POINTER = /^(\/([^~/]|~[01])*)+$/;

/** The administrator's word on one field of a structured result. */
export interface ResultField {
  /** Where it stands; `*` is any index or member. */
  readonly tokens: readonly string[];
  readonly type: (typeof TYPES)[number];
  /** The values of an Enum. */
  readonly values: readonly string[];
  /** Nobody outside can write it. */
  readonly trusted: boolean;
  /** Longest line of a trusted String, UTF-16 units. */
  readonly maxLength: number;
  /** A trusted String of several lines is judged line by line. */
  readonly lines: boolean;
}

/** How a structured result is shown. */
export interface Showing {
  /** True: it is shown, with handles in place of what may not stand in plain. */
  readonly structured: boolean;
  readonly fields: readonly ResultField[];
  /** Most bits that it may show; 0: the default. */
  readonly bits: number;
}

/** Shows nothing but the answer of a reading model. */
export const ANSWER_ONLY: Showing = { structured: false, fields: [], bits: 0 };

/** Reads a presentation off the wire. Throws `invalid_request` for what could not be applied as it is meant. */
export function readShowing(message: PresentationMessage | undefined): Showing {
  if (message === undefined) return ANSWER_ONLY;
  const { structured, bits } = message;
  if (!Number.isFinite(bits) || bits < 0) return refuse('has no sound number of bits');
  if (message.fields.length > MAX_FIELDS) return refuse('has too many fields');
  return { structured, bits, fields: message.fields.map(readField) };
}

function readField({ path, type, values, trusted, maxLength, lines }: ResultFieldMessage): ResultField {
  const known = TYPES.find((one) => one === type);
  if (known === undefined || !POINTER.test(path)) return refuse('has a field without a usable path or type');
  if (maxLength < 0 || maxLength > MAX_LINE) return refuse('allows too long a line');
  if ((known === 'Enum') !== values.length > 0 || values.length > MAX_VALUES) {
    return refuse('has an Enum without values or too many');
  }
  return {
    tokens: pointerTokens(path),
    type: known,
    values: [...values],
    trusted,
    maxLength: maxLength === 0 ? DEFAULT_LINE : maxLength,
    lines,
  };
}

function refuse(why: string): never {
  throw new GatewayError('invalid_request', `The presentation ${why}.`);
}
