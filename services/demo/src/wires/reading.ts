import { isRecord } from '../models/results.ts';
import { WireFault } from './fault.ts';

/** Returns `body` as an object or refuses it. */
export function objectBody(body: unknown): Record<string, unknown> {
  if (!isRecord(body)) throw new WireFault(400, 'The request body must be a JSON object.');
  return body;
}

/** Returns the model's name or refuses. */
export function modelName(body: Record<string, unknown>): string {
  const model = body.model;
  if (typeof model !== 'string' || model === '')
    throw new WireFault(400, 'You must provide a model parameter.', { param: 'model' });
  return model;
}

/** Returns the messages, at least one, each an object, or refuses. */
export function messageList(body: Record<string, unknown>): Record<string, unknown>[] {
  const { messages } = body;
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isRecord)) {
    throw new WireFault(400, "'messages' must be a list of at least one message.", { param: 'messages' });
  }
  return messages;
}

/** Joins the text of a content that is a string or a list of parts; images and files say nothing. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .filter(isRecord)
    .map((part) => (typeof part.text === 'string' ? part.text : ''))
    .filter((text) => text !== '')
    .join('\n');
}

/** Parses tool arguments from a history; what is not an object counts as none. */
export function argumentsOf(text: unknown): Record<string, unknown> {
  if (isRecord(text)) return text;
  try {
    const value: unknown = JSON.parse(typeof text === 'string' ? text : '');
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** Returns a positive whole number where the caller gave one. */
export function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** Returns the stop sequences: a string or a list of strings. */
export function stopsOf(value: unknown): string[] {
  return [value].flat().filter((stop): stop is string => typeof stop === 'string');
}
