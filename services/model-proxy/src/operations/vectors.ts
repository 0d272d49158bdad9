import { DecodeError } from '../chat/failure.ts';
import { asArray, asObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { tokenCount, type Usage } from '../chat/usage.ts';
import { parsed, toldTokens } from './fields.ts';
import type { Whole } from './operation-kind.ts';

/** The provider's answer with vectors as they were asked for: some servers know only lists of numbers. */
export function inForm(text: string, base64: boolean): Whole {
  const answer = parsed(text);
  const usage = toldTokens(answer.usage);
  const data = asArray(answer.data);
  if (data.length === 0) throw new DecodeError('wrong_shape', 'data', 'must hold vectors');
  const given = asObject(data[0])?.embedding;
  if (base64 ? typeof given === 'string' : Array.isArray(given)) return { body: text, usage };
  const changed = data.map((one) => {
    const item = asObject(one) ?? {};
    return { ...item, embedding: base64 ? packed(numbers(item.embedding)) : unpacked(item.embedding) };
  });
  return { body: JSON.stringify({ ...answer, data: changed }), usage };
}

/** OpenAI's answer made of vectors. */
export function openAiAnswer(
  model: string,
  vectors: readonly (readonly number[])[],
  base64: boolean,
  usage: Usage | undefined,
): JsonObject {
  const prompt = usage?.input ?? 0;
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: base64 ? packed(vector) : vector,
    })),
    model,
    usage: { prompt_tokens: prompt, total_tokens: prompt },
  };
}

/** The vectors of an answer in OpenAI's form, in the order of what was asked. Throws DecodeError. */
export function openAiVectors(text: string, count: number): { vectors: number[][]; usage: Usage | undefined } {
  const answer = parsed(text);
  const vectors: number[][] = [];
  for (const [place, one] of asArray(answer.data).entries()) {
    const item = asObject(one);
    vectors[tokenCount(item?.index) ?? place] =
      typeof item?.embedding === 'string' ? unpacked(item.embedding) : numbers(item?.embedding);
  }
  if (vectors.length !== count || vectors.includes(undefined as never)) {
    throw new DecodeError('wrong_shape', 'data', `must hold ${count} vectors`);
  }
  return { vectors, usage: toldTokens(answer.usage) };
}

function numbers(value: unknown): number[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'number')) return value;
  throw new DecodeError('wrong_shape', 'embedding', 'must be a list of numbers');
}

/** Little-endian 32-bit floats, as OpenAI packs them. */
function packed(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

function unpacked(value: unknown): number[] {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (bytes.length === 0 || bytes.length % 4 !== 0) {
    throw new DecodeError('wrong_shape', 'embedding', 'must be packed floats');
  }
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
