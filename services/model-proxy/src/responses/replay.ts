import { asArray, asObject, asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';

/**
 * The events of a response that is over, as frames: each item in one delta. Their numbers are always the same, so that a client
 * goes on behind the one that it had last (`startingAfter`).
 */
export function replayed(response: JsonObject, startingAfter = -1): string {
  const frames: string[] = [];
  let sequence = 0;
  const tell = (type: string, fields: JsonObject): void => {
    const number = sequence++;
    if (number <= startingAfter) return;
    frames.push(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...fields })}\n\n`);
  };
  const begun = {
    ...response,
    status: 'in_progress',
    completed_at: null,
    output: [],
    usage: null,
    incomplete_details: null,
    error: null,
  };
  tell('response.created', { response: begun });
  tell('response.in_progress', { response: begun });
  for (const [output_index, item] of asArray(response.output).filter(isObject).entries()) {
    const place = { item_id: item.id, output_index };
    tell('response.output_item.added', { output_index, item: emptied(item) });
    if (item.type === 'message') tellParts(item, place, tell);
    else if (item.type === 'reasoning') tellSummary(item, place, tell);
    else tellArguments(item, place, tell);
    tell('response.output_item.done', { output_index, item });
  }
  tell(`response.${LAST_EVENTS[asString(response.status) ?? ''] ?? 'completed'}`, { response });
  return frames.join('');
}

/** How many events tell that a response has begun: the first of each stream. */
export const OPENING_EVENTS = 2;

/** Those events, of a response that is not over. */
export function opening(response: JsonObject): string {
  const frames = replayed({ ...response, output: [] }).split(/(?<=\n\n)/);
  return frames.slice(0, OPENING_EVENTS).join('');
}

/** The last event by how a response stands; there is none for one that was cancelled. */
const LAST_EVENTS: Readonly<Record<string, string>> = {
  incomplete: 'incomplete',
  failed: 'failed',
  cancelled: 'failed',
  queued: 'queued',
  in_progress: 'in_progress',
};

type Tell = (type: string, fields: JsonObject) => void;

function emptied(item: JsonObject): JsonObject {
  switch (item.type) {
    case 'message':
      return { ...item, status: 'in_progress', content: [] };
    case 'reasoning':
      return { ...item, summary: [] };
    case 'function_call':
      return { ...item, status: 'in_progress', arguments: '' };
    case 'custom_tool_call':
      return { ...item, input: '' };
    default:
      return item;
  }
}

function tellParts(item: JsonObject, place: JsonObject, tell: Tell): void {
  for (const [content_index, value] of asArray(item.content).entries()) {
    const part = asObject(value) ?? {};
    const at = { ...place, content_index };
    const isText = part.type === 'output_text';
    const said = asString(isText ? part.text : part.refusal) ?? '';
    const empty = isText ? { ...part, text: '', annotations: [] } : { ...part, refusal: '' };
    tell('response.content_part.added', { ...at, part: empty });
    if (isText) {
      if (said !== '') tell('response.output_text.delta', { ...at, delta: said, logprobs: [] });
      tell('response.output_text.done', { ...at, text: said, logprobs: [] });
    } else {
      if (said !== '') tell('response.refusal.delta', { ...at, delta: said });
      tell('response.refusal.done', { ...at, refusal: said });
    }
    tell('response.content_part.done', { ...at, part });
  }
}

function tellSummary(item: JsonObject, place: JsonObject, tell: Tell): void {
  for (const [summary_index, value] of asArray(item.summary).entries()) {
    const at = { ...place, summary_index };
    const text = asString(asObject(value)?.text) ?? '';
    tell('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    if (text !== '') tell('response.reasoning_summary_text.delta', { ...at, delta: text });
    tell('response.reasoning_summary_text.done', { ...at, text });
    tell('response.reasoning_summary_part.done', { ...at, part: value });
  }
}

function tellArguments(item: JsonObject, place: JsonObject, tell: Tell): void {
  if (item.type === 'function_call') {
    tell('response.function_call_arguments.delta', { ...place, delta: item.arguments });
    tell('response.function_call_arguments.done', { ...place, arguments: item.arguments });
  } else if (item.type === 'custom_tool_call') {
    tell('response.custom_tool_call_input.delta', { ...place, delta: item.input });
    tell('response.custom_tool_call_input.done', { ...place, input: item.input });
  }
}
