import type { JsonObject } from '../catalog/definition.ts';

/** Method by which a server has its client's model asked. */
export const SAMPLE = 'sampling/createMessage';

/** Tells whether a request for input is one of those. */
export function isSample(request: unknown): boolean {
  return isObject(request) && request.method === SAMPLE;
}

/** What a server wants a model asked: a conversation of texts. */
export interface SampleRequest {
  readonly messages: readonly { readonly byModel: boolean; readonly text: string }[];
  readonly systemPrompt: string;
  readonly maxTokens: number;
}

const MAX_MESSAGES = 64;

/**
 * Reads the params of a request. Undefined for what is none, and for what is not lent: tools, images and sound, and a
 * conversation that does not end with what the model is to answer.
 */
export function readSample(params: unknown): SampleRequest | undefined {
  if (!isObject(params)) return undefined;
  const { messages, systemPrompt = '', maxTokens, tools, toolChoice } = params;
  if (tools !== undefined || toolChoice !== undefined || typeof systemPrompt !== 'string') return undefined;
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES) return undefined;
  if (typeof maxTokens !== 'number' || !Number.isSafeInteger(maxTokens) || maxTokens < 1) return undefined;
  const read = messages.map((one: unknown) => {
    const { role, content } = isObject(one) ? one : {};
    const text = textIn(content);
    return text === undefined || (role !== 'user' && role !== 'assistant')
      ? undefined
      : { byModel: role === 'assistant', text };
  });
  const said = read.filter((one) => one !== undefined);
  if (said.length < read.length || said.at(-1)?.byModel !== false) return undefined;
  return { messages: said, systemPrompt, maxTokens };
}

function textIn(content: unknown): string | undefined {
  const blocks = Array.isArray(content) ? content : [content];
  const texts = blocks.map((one: unknown) =>
    isObject(one) && one.type === 'text' && typeof one.text === 'string' ? one.text : undefined,
  );
  return texts.length === 0 || texts.includes(undefined) ? undefined : texts.join('\n');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
