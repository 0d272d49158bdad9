import { DecodeError } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, isObject, otherFields, parseArguments } from '../../chat/json.ts';
import type { AssistantContent, JsonObject, ReasoningBlock } from '../../chat/message.ts';
import type { Alternative, ChatResponse } from '../../chat/response.ts';
import type { ResponseNames } from '../openai-chat/response.ts';
import { arrayField, field, objectField, spellings, stringField } from './field.ts';
import { decodeOdds, encodeOdds, meanOdds, withOdds } from './odds.ts';
import { decodeModelParts } from './parts.ts';
import { ownSignature, wrappedRedacted, wrappedSignature } from './signature.ts';
import { decodeFinish, decodeUsage, encodeFinish, encodeUsage } from './usage.ts';

const known = spellings('candidates', 'promptFeedback', 'usageMetadata', 'modelVersion', 'responseId');
/** What a candidate says of what Google looked up for it. */
const GROUNDING = ['groundingMetadata', 'urlContextMetadata', 'citationMetadata'] as const;

/** A call's id, where the provider gives none: unlike those of the places in a history, since an answer has no place yet. */
export function callIdOf(part: unknown): string {
  return (
    stringField(objectField(asObject(part), 'functionCall'), 'id') ||
    `call_${globalThis.crypto.randomUUID().replaceAll('-', '')}`
  );
}

/** Reads an answer of generateContent. Throws DecodeError for a body without a readable candidate. */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  const candidates = arrayField(body, 'candidates').map(decodeCandidate);
  const [first = blocked(body), ...alternatives] = candidates;
  if (first === undefined) throw new DecodeError('wrong_shape', 'candidates', 'must hold an answer');
  const usage = decodeUsage(field(body, 'usageMetadata'));
  const other = otherFields(body, known);
  return {
    id: stringField(body, 'responseId') ?? '',
    model: stringField(body, 'modelVersion') ?? '',
    content: first.content,
    finish: first.finish,
    ...(usage ? { usage } : {}),
    ...(alternatives.length > 0 ? { alternatives } : {}),
    ...(other ? { extra: { gemini: other } } : {}),
  };
}

/** The answer to a prompt that was refused: there is no candidate then. */
export function blocked(body: JsonObject): Alternative | undefined {
  const reason = stringField(objectField(body, 'promptFeedback'), 'blockReason');
  return reason === undefined
    ? undefined
    : { index: 0, content: [], finish: { unified: 'content_filter', raw: reason } };
}

function decodeCandidate(value: unknown, position: number): Alternative {
  const path = `candidates[${position}]`;
  if (!isObject(value)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const parts = asArray(objectField(value, 'content')?.parts);
  const said = decodeModelParts(parts, (part) => callIdOf(parts[part]), `${path}.content.parts`, true);
  const content = withOdds(said, decodeOdds(value));
  content.push(...groundingOf(value));
  const hasToolCalls = content.some((block) => block.type === 'toolCall');
  return { index: position, content, finish: decodeFinish(field(value, 'finishReason'), hasToolCalls) };
}

/** What was looked up, as blocks that this dialect alone can say. */
export function groundingOf(candidate: JsonObject): AssistantContent[] {
  return GROUNDING.flatMap((kind) => {
    const value = objectField(candidate, kind);
    return value === undefined ? [] : [{ type: 'opaque' as const, dialect: 'gemini' as const, kind, value }];
  });
}

/** Writes an answer. DecodeError where a call's arguments are no JSON object: the dialect has no other. */
export function encodeResponse(response: ChatResponse, names: ResponseNames = {}): JsonObject {
  const answers = [{ index: 0, content: response.content, finish: response.finish }, ...(response.alternatives ?? [])];
  return {
    candidates: answers.map(encodeCandidate),
    ...(response.usage ? { usageMetadata: encodeUsage(response.usage) } : {}),
    modelVersion: names.model ?? response.model,
    responseId: names.id ?? response.id,
    ...response.extra?.gemini,
  };
}

function encodeCandidate({ index, content, finish }: Alternative): JsonObject {
  return {
    content: { role: 'model', parts: encodeAnswerParts(content) },
    finishReason: encodeFinish(finish),
    index,
    ...oddsFields(content),
    ...groundingFields(content),
  };
}

function oddsFields(content: readonly AssistantContent[]): JsonObject {
  const odds = content.flatMap((block) => (block.type === 'text' ? (block.odds ?? []) : []));
  return odds.length === 0 ? {} : { avgLogprobs: meanOdds(odds), logprobsResult: encodeOdds(odds) };
}

/** Writes the parts of an answer. Gemini's own signatures stand on the part after what they prove, as it writes them. */
export function encodeAnswerParts(content: readonly AssistantContent[]): JsonObject[] {
  const parts: JsonObject[] = [];
  let signature: string | undefined;
  const push = (part: JsonObject) => {
    parts.push(signature === undefined ? part : { ...part, thoughtSignature: signature });
    signature = undefined;
  };
  for (const block of content) {
    switch (block.type) {
      case 'reasoning': {
        const own = block.signature === undefined ? undefined : ownSignature(block.signature);
        const proof = own === undefined ? foreignProof(block) : undefined;
        if (block.text !== '' || proof) push({ text: block.text, thought: true, ...proof });
        if (own !== undefined) signature = own;
        break;
      }
      case 'text':
      case 'refusal':
        push({ text: block.text });
        break;
      case 'toolCall':
        push({ functionCall: callOf(block.id, block.name, block.arguments) });
        break;
      case 'opaque':
        if (block.dialect === 'gemini' && !isGrounding(block.kind)) push(block.value);
    }
  }
  if (signature !== undefined) push({ text: '' });
  return parts;
}

function foreignProof({ signature, redacted }: ReasoningBlock): JsonObject | undefined {
  if (redacted !== undefined) return { thoughtSignature: wrappedRedacted(redacted) };
  return signature === undefined ? undefined : { thoughtSignature: wrappedSignature(signature) };
}

/** A whole call. DecodeError where its arguments are no JSON object. */
export function callOf(id: string, name: string, text: string): JsonObject {
  const args = text.trim() === '' ? {} : parseArguments(text);
  if (!args) throw new DecodeError('wrong_shape', 'functionCall.args', 'must be a JSON object');
  return { id, name, args };
}

/** True for what stands beside the content of a candidate, not in it. */
export function isGrounding(kind: string): boolean {
  return (GROUNDING as readonly string[]).includes(kind);
}

function groundingFields(content: readonly AssistantContent[]): JsonObject {
  const fields: JsonObject = {};
  for (const block of content) {
    if (block.type === 'opaque' && block.dialect === 'gemini' && isGrounding(block.kind))
      fields[block.kind] = block.value;
  }
  return fields;
}

/** The index of a candidate; the first where it is not said. */
export function indexOf(candidate: JsonObject): number {
  const index = asNumber(candidate.index);
  return index !== undefined && Number.isSafeInteger(index) && index >= 0 ? index : 0;
}
