import type { AssistantFact, AttachmentFact, RequestFacts } from '../../chat/facts.ts';
import { DecodeError } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { decodeReasoningItem } from './reasoning.ts';
import { storedName } from './stored-names.ts';
import { decodeToolChoice, decodeTools } from './tools.ts';

/**
 * Reads what the turn needs to know of a request whose input holds its whole context, in one pass, and checks its shape.
 * DecodeError names the path of the first fault. Items of one answer that stand together are one assistant message.
 */
export function inspectRequest(body: JsonObject): RequestFacts {
  const { model, input, stream, instructions } = body;
  if (typeof model !== 'string' || model === '')
    throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw new DecodeError('wrong_shape', 'stream', 'must be a boolean');
  }
  const items = itemsOf(input);
  const facts: RequestFacts = {
    dialect: 'openai-responses',
    model,
    stream: stream === true,
    streamUsage: true,
    n: 1,
    messageCount: items.length,
    tools: decodeTools(body.tools),
    texts: [],
    attachments: [],
    toolResults: [],
    assistant: [],
    providerIds: [],
  };
  if (body.tool_choice !== undefined) decodeToolChoice(body.tool_choice);
  const maxTokens = positive(body.max_output_tokens, 'max_output_tokens');
  if (maxTokens !== undefined) facts.maxTokens = maxTokens;
  const user = asString(body.user) ?? asString(body.safety_identifier);
  if (user !== undefined) facts.user = user;
  for (const [index, tool] of facts.tools.entries()) {
    const stored = tool.type === 'provider' ? storedName(tool.definition, `tools[${index}]`) : undefined;
    if (stored) facts.providerIds.push(stored);
  }
  const compared = storedName(body.prompt_cache_options, 'prompt_cache_options');
  if (compared) facts.providerIds.push(compared);
  if (isObject(body.prompt)) facts.providerIds.push({ field: 'prompt.id', id: asString(body.prompt.id) ?? '' });
  if (instructions !== undefined && instructions !== null) {
    if (typeof instructions !== 'string') throw new DecodeError('wrong_shape', 'instructions', 'must be a string');
    facts.texts.push({ role: 'system', message: -1, block: -1, text: instructions });
  }
  const spoken = new Speech(facts.assistant);
  for (let index = 0; index < items.length; index += 1) inspectItem(items[index], index, facts, spoken);
  return facts;
}

/** The items of an input, a text being one message of the user. */
export function itemsOf(input: unknown): readonly unknown[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (!Array.isArray(input)) throw new DecodeError('wrong_shape', 'input', 'must be a string or an array of items');
  if (input.length === 0) throw new DecodeError('wrong_shape', 'input', 'must not be empty');
  return input;
}

/** The type of an item; messages may leave it out, and references too. */
export function typeOfItem(item: JsonObject): string | undefined {
  if (typeof item.type === 'string') return item.type;
  if (item.type !== undefined && item.type !== null) return undefined;
  return item.role === undefined ? (item.id === undefined ? undefined : 'item_reference') : 'message';
}

/** Gathers what the assistant is said to have said, item by item, into messages. */
class Speech {
  readonly #facts: AssistantFact[];
  readonly #parts = new Map<AssistantFact, { text: string; refusal: string }>();
  #open: AssistantFact | undefined;

  constructor(facts: AssistantFact[]) {
    this.#facts = facts;
  }

  /** The message that this item belongs to. */
  at(index: number): AssistantFact {
    if (this.#open === undefined) {
      this.#open = { message: index, texts: [], toolCalls: [], reasoning: [], opaque: [] };
      this.#facts.push(this.#open);
    }
    return this.#open;
  }

  /** Its text and its refusal are known as one text each, however many parts and items they come in. */
  say(index: number, kind: 'text' | 'refusal', text: string): void {
    const fact = this.at(index);
    const parts = this.#parts.get(fact) ?? { text: '', refusal: '' };
    this.#parts.set(fact, parts);
    parts[kind] += text;
    fact.texts = [parts.text, parts.refusal].filter((one) => one !== '');
  }

  end(): void {
    this.#open = undefined;
  }
}

function positive(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = asNumber(value);
  if (number === undefined || !Number.isSafeInteger(number) || number < 1) {
    throw new DecodeError('wrong_shape', path, 'must be a positive integer');
  }
  return number;
}

function inspectItem(item: unknown, index: number, facts: RequestFacts, speech: Speech): void {
  const path = `input[${index}]`;
  if (!isObject(item)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const type = typeOfItem(item);
  switch (type) {
    case 'message':
      inspectMessage(item, index, path, facts, speech);
      return;
    case 'function_call':
    case 'custom_tool_call': {
      const written = type === 'function_call' ? 'arguments' : 'input';
      const id = required(item.call_id, `${path}.call_id`);
      const name = required(item.name, `${path}.name`);
      const text = item[written];
      if (typeof text !== 'string') throw new DecodeError('wrong_shape', `${path}.${written}`, 'must be a string');
      const fact = speech.at(index);
      fact.toolCalls.push({ message: index, block: -1, id, name, arguments: text });
      return;
    }
    case 'function_call_output':
    case 'custom_tool_call_output': {
      speech.end();
      const callId = required(item.call_id, `${path}.call_id`);
      const texts: string[] = [];
      const attachments: AttachmentFact[] = [];
      inspectContent(item.output, index, `${path}.output`, (text) => texts.push(text), attachments);
      facts.toolResults.push({ message: index, block: -1, callId, texts, attachments, isError: false });
      return;
    }
    case 'reasoning': {
      const block = decodeReasoningItem(item);
      const fact = speech.at(index);
      if (block)
        for (const said of [block.text, block.signature ?? block.redacted ?? ''])
          if (said !== '') fact.reasoning.push(said);
      return;
    }
    case 'item_reference':
      facts.providerIds.push({ field: `${path}.id`, id: asString(item.id) ?? '' });
      return;
    case 'additional_tools':
      // Tools that stand among the messages would be offered unseen.
      throw new DecodeError('wrong_shape', path, 'cannot declare tools; use tools');
    case undefined:
      throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
    default:
      // Calls of provider-run tools and what came of them, of whatever kind.
      speech.at(index).opaque.push(type);
  }
}

function required(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '')
    throw new DecodeError('wrong_shape', path, 'must be a non-empty string');
  return value;
}

function inspectMessage(item: JsonObject, index: number, path: string, facts: RequestFacts, speech: Speech): void {
  const { role, content } = item;
  switch (role) {
    case 'assistant':
      if (typeof content === 'string') {
        speech.say(index, 'text', content);
        return;
      }
      if (!Array.isArray(content))
        throw new DecodeError('wrong_shape', `${path}.content`, 'must be a string or an array');
      for (const [block, part] of content.entries()) {
        const object = asObject(part);
        const refusal = asString(object?.refusal);
        const text = asString(object?.text);
        if (text !== undefined) speech.say(index, 'text', text);
        else if (refusal !== undefined) speech.say(index, 'refusal', refusal);
        else throw new DecodeError('wrong_shape', `${path}.content[${block}]`, 'must be output_text or refusal');
        for (const annotation of asArray(object?.annotations))
          if (isObject(annotation)) speech.at(index).opaque.push('annotation');
      }
      return;
    case 'system':
    case 'developer':
    case 'user':
      speech.end();
      inspectContent(
        content,
        index,
        `${path}.content`,
        (text, block) => facts.texts.push({ role, message: index, block, text }),
        facts.attachments,
      );
      return;
    default:
      throw new DecodeError('wrong_shape', `${path}.role`, 'must be user, assistant, system or developer');
  }
}

function inspectContent(
  content: unknown,
  message: number,
  path: string,
  onText: (text: string, block: number) => void,
  attachments: AttachmentFact[],
): void {
  if (typeof content === 'string') {
    onText(content, -1);
    return;
  }
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', path, 'must be a string or an array of parts');
  for (let block = 0; block < content.length; block += 1) {
    const part: unknown = content[block];
    const at = `${path}[${block}]`;
    if (!isObject(part)) throw new DecodeError('wrong_shape', at, 'must be an object');
    switch (part.type) {
      case 'input_text':
      case 'output_text':
      case 'text':
        if (typeof part.text !== 'string') throw new DecodeError('wrong_shape', `${at}.text`, 'must be a string');
        onText(part.text, block);
        break;
      case 'input_image': {
        const url = asString(part.image_url);
        const fileId = asString(part.file_id);
        if (url === undefined && fileId === undefined)
          throw new DecodeError('wrong_shape', `${at}.image_url`, 'must be a string');
        attachments.push({
          message,
          block,
          kind: 'image',
          ...remote(url),
          ...(fileId === undefined ? {} : { fileId }),
        });
        break;
      }
      case 'input_file': {
        const fileId = asString(part.file_id);
        const url = asString(part.file_url);
        if (url === undefined && fileId === undefined && typeof part.file_data !== 'string')
          throw new DecodeError('wrong_shape', at, 'must hold file_data, file_url or file_id');
        attachments.push({ message, block, kind: 'file', ...remote(url), ...(fileId === undefined ? {} : { fileId }) });
        break;
      }
      case 'input_audio':
        attachments.push({ message, block, kind: 'audio' });
        break;
      default:
        if (typeof part.type !== 'string') throw new DecodeError('wrong_shape', `${at}.type`, 'must be a string');
        attachments.push({ message, block, kind: 'other' });
    }
  }
}

function remote(url: string | undefined): { url?: string } {
  return url === undefined || url.startsWith('data:') ? {} : { url };
}
