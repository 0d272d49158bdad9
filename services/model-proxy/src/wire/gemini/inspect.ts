import type { AssistantFact, AttachmentFact, RequestFacts } from '../../chat/facts.ts';
import { DecodeError } from '../../chat/failure.ts';
import { asArray, asString, isObject, parseArguments } from '../../chat/json.ts';
import type { AssistantContent, FileBlock, ImageBlock, JsonObject, ToolCallBlock } from '../../chat/message.ts';
import { decodeSystem, roleOf } from './contents.ts';
import { countField, field, listField, objectField, stringField } from './field.ts';
import { pairCalls } from './pairing.ts';
import { checkOneKind, decodeModelParts, decodePart, resultText } from './parts.ts';
import { decodeTools } from './tools.ts';

/**
 * Reads what the turn needs to know of a request of generateContent, in one pass, and checks its shape. DecodeError names
 * the path of the first fault. `model` and `stream` stand in the body, where the front puts them.
 */
export function inspectRequest(body: JsonObject): RequestFacts {
  const model = asString(body.model);
  if (!model) throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  const { contents } = body;
  if (!Array.isArray(contents)) throw new DecodeError('wrong_shape', 'contents', 'must be an array');
  if (contents.length === 0) throw new DecodeError('wrong_shape', 'contents', 'must not be empty');
  const config = field(body, 'generationConfig');
  if (config !== undefined && config !== null && !isObject(config)) {
    throw new DecodeError('wrong_shape', 'generationConfig', 'must be an object');
  }
  const generation = isObject(config) ? config : undefined;
  const facts: RequestFacts = {
    dialect: 'gemini',
    model,
    stream: body.stream === true,
    streamUsage: true,
    n: countField(generation, 'candidateCount', 'generationConfig.candidateCount') ?? 1,
    messageCount: contents.length,
    tools: decodeTools(body.tools),
    texts: decodeSystem(field(body, 'systemInstruction')).map(({ text }, block) => ({
      role: 'system',
      message: -1,
      block,
      text,
    })),
    attachments: [],
    toolResults: [],
    assistant: [],
    providerIds: [],
  };
  const maxTokens = countField(generation, 'maxOutputTokens', 'generationConfig.maxOutputTokens');
  if (maxTokens !== undefined) facts.maxTokens = maxTokens;
  const cached = stringField(body, 'cachedContent');
  if (cached !== undefined && cached !== '') facts.providerIds.push({ field: 'cachedContent', id: cached });
  // They name stores of the account at the provider, which all tenants share.
  for (const tool of facts.tools) {
    if (tool.type === 'provider' && (tool.kind === 'fileSearch' || tool.kind === 'retrieval')) {
      facts.providerIds.push({ field: 'tools', id: tool.kind });
    }
  }
  const pairing = pairCalls(contents);
  let said: { message: number; parts: unknown[]; ids: string[] } | undefined;
  for (const [message, content] of contents.entries()) {
    const path = `contents[${message}]`;
    if (!isObject(content)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const parts = field(content, 'parts');
    if (parts !== undefined && parts !== null && !Array.isArray(parts)) {
      throw new DecodeError('wrong_shape', `${path}.parts`, 'must be an array');
    }
    if (roleOf(content, path) === 'model') {
      // A streamed answer is kept as one content a chunk; what we released was the whole of it.
      if (said === undefined) said = { message, parts: [], ids: [] };
      for (const [block, part] of asArray(parts).entries()) {
        said.parts.push(part);
        said.ids.push(pairing.idAt(message, block));
      }
      continue;
    }
    if (said) facts.assistant.push(assistantFact(said));
    said = undefined;
    for (const [block, part] of asArray(parts).entries()) {
      inspectUserPart(part, { message, block }, pairing.idAt(message, block), facts);
    }
  }
  if (said) facts.assistant.push(assistantFact(said));
  return facts;
}

function inspectUserPart(
  part: unknown,
  place: { message: number; block: number },
  id: string,
  facts: RequestFacts,
): void {
  const path = `contents[${place.message}].parts[${place.block}]`;
  const result = isObject(part) ? objectField(part, 'functionResponse') : undefined;
  if (result !== undefined) {
    checkOneKind(part as JsonObject, path);
    const { text, isError } = resultText(result, path);
    const attachments = listField(result, 'parts', `${path}.functionResponse.parts`).map((one, at): AttachmentFact => {
      const block = decodePart(one, '', `${path}.functionResponse.parts[${at}]`);
      return block.type === 'image' || block.type === 'file'
        ? attachmentFact(block, place)
        : { ...place, kind: 'other' };
    });
    facts.toolResults.push({ ...place, callId: id, texts: [text], attachments, isError });
    return;
  }
  const block = decodePart(part, id, path);
  if (block.type === 'text') facts.texts.push({ role: 'user', ...place, text: block.text });
  else if (block.type === 'image' || block.type === 'file') facts.attachments.push(attachmentFact(block, place));
  else if (block.type === 'opaque') facts.attachments.push({ ...place, kind: 'other' });
  else throw new DecodeError('wrong_shape', path, 'cannot be said by a user');
}

function attachmentFact(block: ImageBlock | FileBlock, place: { message: number; block: number }): AttachmentFact {
  const { source } = block;
  const isAudio = source.kind === 'base64' && source.mediaType.startsWith('audio/');
  return {
    ...place,
    kind: block.type === 'image' ? 'image' : isAudio ? 'audio' : 'file',
    ...(source.kind === 'url' ? { url: source.url } : {}),
    ...(source.kind === 'id' ? { fileId: source.id } : {}),
  };
}

// What cannot be read is no empty object: that might be what a call was released with.
function argumentsOf({ name, arguments: text }: ToolCallBlock): JsonObject {
  const args = parseArguments(text);
  if (args === undefined) throw new DecodeError('wrong_shape', `functionCall.${name}.args`, 'must be a JSON object');
  return args;
}

function assistantFact(said: { message: number; parts: unknown[]; ids: string[] }): AssistantFact {
  const { message, parts, ids } = said;
  const content = decodeModelParts(parts, (part) => ids[part] ?? '', `contents[${message}].parts`);
  const texts = (type: 'text' | 'reasoning') =>
    content.map((block: AssistantContent) => (block.type === type ? block.text : '')).join('');
  return {
    message,
    texts: [texts('text')].filter((text) => text !== ''),
    toolCalls: content.flatMap((block, at) =>
      block.type === 'toolCall'
        ? [{ message, block: at, id: block.id, name: block.name, arguments: argumentsOf(block) }]
        : [],
    ),
    reasoning: [
      texts('reasoning'),
      ...content.map((block) => (block.type === 'reasoning' ? (block.redacted ?? '') : '')),
    ].filter((text) => text !== ''),
    opaque: content.flatMap((block) => (block.type === 'opaque' ? [block.kind] : [])),
  };
}
