import { GatewayError } from '@sallyport/chassis/errors';
import type { Field, Question as QuestionMessage } from '@sallyport/proto/policy/v1/policy_pb';

const TYPES = ['String', 'Integer', 'Number', 'Boolean', 'Date', 'DateTime', 'Enum'] as const;
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
const MAX_FIELDS = 32;
const MAX_VALUES = 64;
const MAX_ITEMS = 100;
const MAX_INSTRUCTION = 4096;
const MAX_MODELS = 4;

/** One value that is asked for. */
export interface AskedField {
  readonly name: string;
  readonly type: (typeof TYPES)[number];
  /** The values of an Enum. */
  readonly values: readonly string[];
  readonly description: string;
  /** The value is a list of such values. */
  readonly many: boolean;
}

/** What the reading model is asked. Comes from policy only, never from a client or content. */
export interface Question {
  /** Public names of the models to ask, in order. */
  readonly models: readonly string[];
  readonly instruction: string;
  /** True: content is read anew in each run. */
  readonly eachRun: boolean;
  readonly fields: readonly AskedField[];
  readonly list: boolean;
  /** Most entries of a list, be it of objects or of a field's values; 1 where there is none. */
  readonly maxItems: number;
}

/** Reads a question off the wire. Throws `invalid_request` for what could not be checked in an answer. */
export function readQuestion(message: QuestionMessage): Question {
  const { model, fallbackModels, instruction, eachRun, list, maxItems } = message;
  const models = [...new Set([model, ...fallbackModels])];
  if (models.includes('') || models.length > MAX_MODELS) return refuse('names no model or too many');
  if (instruction.length > MAX_INSTRUCTION) return refuse('has too long an instruction');
  if (message.fields.length === 0 || message.fields.length > MAX_FIELDS) return refuse('has no fields or too many');
  const fields = message.fields.map(readField);
  if (new Set(fields.map((field) => field.name)).size < fields.length) return refuse('names a field twice');
  const listed = list || fields.some((field) => field.many);
  if (listed && (maxItems < 1 || maxItems > MAX_ITEMS)) return refuse('asks for no items or too many');
  return { models, instruction, eachRun, fields, list, maxItems: listed ? maxItems : 1 };
}

function readField({ name, type, values, description, many }: Field): AskedField {
  const known = TYPES.find((one) => one === type);
  if (known === undefined || !FIELD_NAME.test(name)) return refuse('has a field without a usable name or type');
  const isEnum = known === 'Enum';
  if (isEnum !== values.length > 0 || values.length > MAX_VALUES)
    return refuse('has an Enum without values or too many');
  return { name, type: known, values: [...values], description, many };
}

function refuse(why: string): never {
  throw new GatewayError('invalid_request', `The question ${why}.`);
}
