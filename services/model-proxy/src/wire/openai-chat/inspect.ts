import type { AssistantFact, AttachmentFact, RequestFacts } from '../../chat/facts.ts';
import { DecodeError } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { readReasoning } from './reasoning.ts';
import { decodeToolChoice, decodeTools, TOOL_FIELDS } from './tools.ts';

/**
 * Reads what the turn needs to know of a chat completion request, in one pass, and checks its shape. DecodeError names
 * the path of the first fault.
 */
export function inspectRequest(body: JsonObject): RequestFacts {
  const { model, messages, stream } = body;
  if (typeof model !== 'string' || model === '')
    throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  if (!Array.isArray(messages)) throw new DecodeError('wrong_shape', 'messages', 'must be an array');
  if (messages.length === 0) throw new DecodeError('wrong_shape', 'messages', 'must not be empty');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw new DecodeError('wrong_shape', 'stream', 'must be a boolean');
  }
  rejectFunctions(body);
  readReasoning(body);
  const facts: RequestFacts = {
    dialect: 'openai-chat',
    model,
    stream: stream === true,
    streamUsage: asObject(body.stream_options)?.include_usage === true,
    n: positive(body.n, 'n') ?? 1,
    messageCount: messages.length,
    tools: TOOL_FIELDS.every((field) => body[field] === undefined) ? [] : decodeTools(body),
    texts: [],
    attachments: [],
    toolResults: [],
    assistant: [],
    providerIds: [],
  };
  if (body.tool_choice !== undefined) decodeToolChoice(body.tool_choice);
  const maxTokens =
    positive(body.max_completion_tokens, 'max_completion_tokens') ?? positive(body.max_tokens, 'max_tokens');
  if (maxTokens !== undefined) facts.maxTokens = maxTokens;
  const user = asString(body.user);
  if (user !== undefined) facts.user = user;
  for (let index = 0; index < messages.length; index += 1) inspectMessage(messages[index], index, facts);
  if (body.documents !== undefined) inspectDocuments(body.documents, facts);
  return facts;
}

/** Documents beside the messages, as Cohere, vLLM and others have them: what they say is nobody's instruction. */
function inspectDocuments(documents: unknown, { attachments, messageCount }: RequestFacts): void {
  for (const [block, one] of asArray(documents).entries()) {
    const text = typeof one === 'string' ? one : (asString(asObject(one)?.text) ?? JSON.stringify(one));
    attachments.push({ message: messageCount, block, kind: 'other', text });
  }
}

/** Functions were replaced by tools in 2023; a gate that decides on tools does not carry a second grammar for them. */
function rejectFunctions(body: JsonObject): void {
  for (const field of ['functions', 'function_call']) {
    if (body[field] !== undefined && body[field] !== null) {
      throw new DecodeError('wrong_shape', field, 'is not supported; use tools and tool_choice');
    }
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

function inspectMessage(message: unknown, index: number, facts: RequestFacts): void {
  if (!isObject(message)) throw new DecodeError('wrong_shape', `messages[${index}]`, 'must be an object');
  const { role, content } = message;
  switch (role) {
    case 'system':
    case 'developer':
    case 'user':
      if (typeof content === 'string') facts.texts.push({ role, message: index, block: -1, text: content });
      else
        inspectParts(
          content,
          index,
          (text, block) => facts.texts.push({ role, message: index, block, text }),
          facts.attachments,
        );
      if (role === 'user' && typeof message.name === 'string' && message.name !== '') {
        for (const fact of facts.texts) if (fact.message === index) fact.author = message.name;
      }
      return;
    case 'assistant':
      facts.assistant.push(inspectAssistant(message, index));
      return;
    case 'tool': {
      const callId = asString(message.tool_call_id);
      if (!callId)
        throw new DecodeError('wrong_shape', `messages[${index}].tool_call_id`, 'must be a non-empty string');
      const texts: string[] = [];
      const attachments: AttachmentFact[] = [];
      if (typeof content === 'string') texts.push(content);
      else inspectParts(content, index, (text) => texts.push(text), attachments);
      facts.toolResults.push({ message: index, block: -1, callId, texts, attachments, isError: false });
      return;
    }
    default:
      throw new DecodeError(
        'wrong_shape',
        `messages[${index}].role`,
        'must be system, developer, user, assistant or tool',
      );
  }
}

function inspectParts(
  content: unknown,
  message: number,
  onText: (text: string, block: number) => void,
  attachments: AttachmentFact[],
): void {
  if (!Array.isArray(content)) {
    throw new DecodeError('wrong_shape', `messages[${message}].content`, 'must be a string or an array of parts');
  }
  for (let block = 0; block < content.length; block += 1) {
    const part: unknown = content[block];
    const path = `messages[${message}].content[${block}]`;
    if (!isObject(part)) throw new DecodeError('wrong_shape', path, 'must be an object');
    switch (part.type) {
      case 'text':
        if (typeof part.text !== 'string') throw new DecodeError('wrong_shape', `${path}.text`, 'must be a string');
        onText(part.text, block);
        break;
      case 'image_url': {
        const url = asString(asObject(part.image_url)?.url);
        if (url === undefined) throw new DecodeError('wrong_shape', `${path}.image_url.url`, 'must be a string');
        attachments.push({ message, block, kind: 'image', ...(url.startsWith('data:') ? {} : { url }) });
        break;
      }
      case 'file': {
        const fileId = asString(asObject(part.file)?.file_id);
        attachments.push({ message, block, kind: 'file', ...(fileId === undefined ? {} : { fileId }) });
        break;
      }
      case 'input_audio':
        attachments.push({ message, block, kind: 'audio' });
        break;
      default:
        if (typeof part.type !== 'string') throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
        attachments.push({ message, block, kind: 'other' });
    }
  }
}

function inspectAssistant(message: JsonObject, index: number): AssistantFact {
  const path = `messages[${index}]`;
  if (message.function_call !== undefined && message.function_call !== null) {
    throw new DecodeError('wrong_shape', `${path}.function_call`, 'is not supported; use tool_calls');
  }
  const fact: AssistantFact = { message: index, texts: [], toolCalls: [], reasoning: [], opaque: [] };
  const { content, tool_calls: calls } = message;
  if (typeof content === 'string') fact.texts.push(content);
  else if (Array.isArray(content)) {
    for (const [block, part] of content.entries()) {
      const text = asString(asObject(part)?.text) ?? asString(asObject(part)?.refusal);
      if (text === undefined)
        throw new DecodeError('wrong_shape', `${path}.content[${block}]`, 'must be text or refusal');
      fact.texts.push(text);
    }
  } else if (content !== undefined && content !== null) {
    throw new DecodeError('wrong_shape', `${path}.content`, 'must be a string, an array of parts or null');
  }
  const refusal = asString(message.refusal);
  if (refusal) fact.texts.push(refusal);
  const reasoning = asString(message.reasoning_content) ?? asString(message.reasoning);
  if (reasoning) fact.reasoning.push(reasoning);
  for (const detail of asArray(message.reasoning_details).map(asObject)) {
    // Some providers read these, so they are the assistant's words like any others.
    for (const field of ['text', 'summary', 'data']) {
      const words = asString(detail?.[field]);
      if (words) fact.reasoning.push(words);
    }
  }
  if (message.audio !== undefined && message.audio !== null) fact.opaque.push('audio');
  if (calls !== undefined && calls !== null && !Array.isArray(calls)) {
    throw new DecodeError('wrong_shape', `${path}.tool_calls`, 'must be an array');
  }
  for (const [block, call] of asArray(calls).entries()) {
    const object = asObject(call);
    const custom = asObject(object?.custom);
    const definition = custom ?? asObject(object?.function);
    const id = asString(object?.id);
    const name = asString(definition?.name);
    if (!id) throw new DecodeError('wrong_shape', `${path}.tool_calls[${block}].id`, 'must be a non-empty string');
    if (!name)
      throw new DecodeError('wrong_shape', `${path}.tool_calls[${block}].function.name`, 'must be a non-empty string');
    const text = asString(custom ? custom.input : definition?.arguments);
    if (text === undefined) {
      throw new DecodeError('wrong_shape', `${path}.tool_calls[${block}].function.arguments`, 'must be a string');
    }
    fact.toolCalls.push({ message: index, block, id, name, arguments: text });
  }
  return fact;
}
