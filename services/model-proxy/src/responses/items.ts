import { uuidv7 } from '@sallyport/chassis/uuid';
import { asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { typeOfItem } from '../wire/openai-responses/inspect.ts';

/** How OpenAI's ids of items begin, by type. */
const prefixes: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
  mcp_approval_response: 'mcpa',
};

/** What can be the id of an item: it stands in indexes of the database, which hold neither a NUL nor what is long. */
const ITEM_ID = /^[\x21-\x7e]{1,512}$/;

/** Whether an item can be found by its own id. */
export function hasItemId({ id }: JsonObject): boolean {
  return typeof id === 'string' && ITEM_ID.test(id);
}

/** An input item as it is kept and listed: with a type and an id, the content of a message as parts. */
export function keptItem(item: unknown): JsonObject {
  const object = isObject(item) ? item : {};
  const type = typeOfItem(object) ?? 'item';
  const given = hasItemId(object) ? asString(object.id) : undefined;
  const prefix = (Object.hasOwn(prefixes, type) && prefixes[type]) || 'item';
  const id = given ?? `${prefix}_${uuidv7().replaceAll('-', '')}`;
  if (type !== 'message') return { ...object, type, id };
  const { role, content } = object;
  const part = role === 'assistant' ? { type: 'output_text', annotations: [] } : { type: 'input_text' };
  const parts = typeof content === 'string' ? [{ ...part, text: content }] : content;
  return { ...object, type, id, status: object.status ?? 'completed', content: parts };
}

/**
 * A kept item as it goes into the input of a model call again. Ids of what a client said are names in a list of ours; those of
 * answers stay, since a provider's proof of reasoning is bound to them.
 */
export function saidAgain(item: JsonObject): JsonObject {
  const type = typeOfItem(item);
  const isBrought = type === 'message' ? item.role !== 'assistant' : type?.endsWith('_output') === true;
  if (!isBrought) return item;
  const { id: _id, status: _status, ...rest } = item;
  return rest;
}
