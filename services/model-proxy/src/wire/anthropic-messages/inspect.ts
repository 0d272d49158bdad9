import type { AssistantFact, AttachmentFact, RequestFacts, TextFact } from '../../chat/facts.ts';
import { DecodeError } from '../../chat/failure.ts';
import { asNumber, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { hasUnsealed } from './citations.ts';
import { decodeToolChoice, decodeTools } from './tools.ts';

/**
 * Reads what the turn needs to know of a messages request, in one pass, and checks its shape. DecodeError names the path
 * of the first fault. `countOnly` is for token counting, where `max_tokens` is not asked for.
 */
export function inspectRequest(body: JsonObject, countOnly = false): RequestFacts {
  const { model, messages, stream } = body;
  if (typeof model !== 'string' || model === '')
    throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  if (!Array.isArray(messages)) throw new DecodeError('wrong_shape', 'messages', 'must be an array');
  if (messages.length === 0) throw new DecodeError('wrong_shape', 'messages', 'must not be empty');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw new DecodeError('wrong_shape', 'stream', 'must be a boolean');
  }
  const maxTokens = asNumber(body.max_tokens);
  if (!countOnly && (maxTokens === undefined || !Number.isSafeInteger(maxTokens) || maxTokens < 1)) {
    throw new DecodeError('wrong_shape', 'max_tokens', 'must be a positive integer');
  }
  const facts: RequestFacts = {
    dialect: 'anthropic-messages',
    model,
    stream: stream === true,
    streamUsage: true,
    n: 1,
    messageCount: messages.length,
    tools:
      body.tools === undefined && body.mcp_servers === undefined && body.container === undefined
        ? []
        : decodeTools(body),
    texts: [],
    attachments: [],
    toolResults: [],
    assistant: [],
    providerIds: [],
  };
  if (body.tool_choice !== undefined) decodeToolChoice(body.tool_choice);
  if (maxTokens !== undefined) facts.maxTokens = maxTokens;
  const user = asString(asObject(body.metadata)?.user_id);
  if (user !== undefined) facts.user = user;
  const container = asString(body.container) ?? asString(asObject(body.container)?.id);
  if (container !== undefined) facts.providerIds.push({ field: 'container', id: container });
  inspectText(body.system, 'system', -1, facts.texts);
  for (let index = 0; index < messages.length; index += 1) inspectMessage(messages[index], index, facts);
  return facts;
}

function inspectText(content: unknown, role: TextFact['role'], message: number, texts: TextFact[]): void {
  const path = message < 0 ? 'system' : `messages[${message}].content`;
  if (content === undefined || content === null) return;
  if (typeof content === 'string') {
    texts.push({ role, message, block: -1, text: content });
    return;
  }
  if (!Array.isArray(content))
    throw new DecodeError('wrong_shape', path, 'must be a string or an array of text blocks');
  for (const [block, part] of content.entries()) {
    const text = asObject(part)?.type === 'text' ? asString(asObject(part)?.text) : undefined;
    if (text === undefined) throw new DecodeError('wrong_shape', `${path}[${block}]`, 'must be a text block');
    texts.push({ role, message, block, text });
  }
}

function inspectMessage(message: unknown, index: number, facts: RequestFacts): void {
  const path = `messages[${index}]`;
  if (!isObject(message)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const { role, content } = message;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw new DecodeError('wrong_shape', `${path}.role`, 'must be user, assistant or system');
  }
  if (typeof content !== 'string' && !Array.isArray(content)) {
    throw new DecodeError('wrong_shape', `${path}.content`, 'must be a string or an array of blocks');
  }
  if (role === 'system') inspectText(content, 'system', index, facts.texts);
  else if (role === 'assistant') facts.assistant.push(inspectAssistant(content, index));
  else if (typeof content === 'string') facts.texts.push({ role, message: index, block: -1, text: content });
  else {
    for (const [block, part] of content.entries()) inspectUserBlock(part, index, block, facts);
  }
}

function inspectUserBlock(part: unknown, message: number, block: number, facts: RequestFacts): void {
  const path = `messages[${message}].content[${block}]`;
  if (!isObject(part)) throw new DecodeError('wrong_shape', path, 'must be an object');
  if (part.type === 'text') {
    facts.texts.push({ role: 'user', message, block, text: textOf(part, path) });
    return;
  }
  if (part.type !== 'tool_result') {
    facts.attachments.push(attachment(part, message, block, path));
    return;
  }
  const callId = asString(part.tool_use_id);
  if (!callId) throw new DecodeError('wrong_shape', `${path}.tool_use_id`, 'must be a non-empty string');
  const texts: string[] = [];
  const attachments: AttachmentFact[] = [];
  const { content } = part;
  if (typeof content === 'string') texts.push(content);
  else if (Array.isArray(content)) {
    for (const [inner, entry] of content.entries()) {
      const innerPath = `${path}.content[${inner}]`;
      if (!isObject(entry)) throw new DecodeError('wrong_shape', innerPath, 'must be an object');
      if (entry.type === 'text') texts.push(textOf(entry, innerPath));
      else attachments.push(attachment(entry, message, block, innerPath));
    }
  } else if (content !== undefined && content !== null) {
    throw new DecodeError('wrong_shape', `${path}.content`, 'must be a string or an array of blocks');
  }
  facts.toolResults.push({ message, block, callId, texts, attachments, isError: part.is_error === true });
}

function textOf(part: JsonObject, path: string): string {
  if (typeof part.text !== 'string') throw new DecodeError('wrong_shape', `${path}.text`, 'must be a string');
  return part.text;
}

function attachment(part: JsonObject, message: number, block: number, path: string): AttachmentFact {
  if (typeof part.type !== 'string') throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
  const source = asObject(part.source);
  const url = asString(source?.url);
  const fileId = asString(source?.file_id) ?? asString(part.file_id);
  const kind = part.type === 'image' ? 'image' : part.type === 'document' ? 'file' : 'other';
  const text = documentText(part, source);
  return {
    message,
    block,
    kind,
    ...(url === undefined ? {} : { url }),
    ...(fileId === undefined ? {} : { fileId }),
    ...(text === undefined ? {} : { text }),
  };
}

/** The text of a document given as text or blocks, or of a search result. */
function documentText(part: JsonObject, source: JsonObject | undefined): string | undefined {
  if (source?.type === 'text') return asString(source.data);
  const content =
    source?.type === 'content' ? source.content : part.type === 'search_result' ? part.content : undefined;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return undefined;
  return content.map((entry: unknown) => asString(asObject(entry)?.text) ?? '').join('\n');
}

function inspectAssistant(content: string | unknown[], message: number): AssistantFact {
  const fact: AssistantFact = { message, texts: [], toolCalls: [], reasoning: [], opaque: [] };
  if (typeof content === 'string') {
    fact.texts.push(content);
    return fact;
  }
  for (const [block, part] of content.entries()) {
    const path = `messages[${message}].content[${block}]`;
    if (!isObject(part) || typeof part.type !== 'string')
      throw new DecodeError('wrong_shape', path, 'must have a type');
    switch (part.type) {
      case 'text':
        fact.texts.push(textOf(part, path));
        if (part.citations !== undefined && hasUnsealed(part)) fact.unsealed = true;
        break;
      case 'thinking':
        fact.reasoning.push(asString(part.thinking) ?? '');
        break;
      case 'redacted_thinking':
        fact.reasoning.push(asString(part.data) ?? '');
        break;
      case 'tool_use': {
        const id = asString(part.id);
        const name = asString(part.name);
        if (!id) throw new DecodeError('wrong_shape', `${path}.id`, 'must be a non-empty string');
        if (!name) throw new DecodeError('wrong_shape', `${path}.name`, 'must be a non-empty string');
        if (!isObject(part.input)) throw new DecodeError('wrong_shape', `${path}.input`, 'must be an object');
        fact.toolCalls.push({ message, block, id, name, arguments: part.input });
        break;
      }
      default:
        fact.opaque.push(part.type);
    }
  }
  return fact;
}
