import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';
import { arrayField, field } from './field.ts';

/**
 * Reads `usageMetadata`: thoughts are counted beside the candidates, results of provider-run tools beside the prompt.
 * Undefined where neither side can be read. (ai.google.dev/api/generate-content#UsageMetadata)
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  if (!usage) return undefined;
  const count = (name: string) => tokenCount(field(usage, name));
  const prompt = count('promptTokenCount');
  const candidates = count('candidatesTokenCount');
  if (prompt === undefined && candidates === undefined) return undefined;
  const input = (prompt ?? 0) + (count('toolUsePromptTokenCount') ?? 0);
  const reasoning = count('thoughtsTokenCount') ?? 0;
  const decoded: Usage = {
    input,
    output: (candidates ?? 0) + reasoning,
    cacheRead: Math.min(count('cachedContentTokenCount') ?? 0, input),
    cacheWrite: 0,
    reasoning,
  };
  const inputAudio = audioOf(arrayField(usage, 'promptTokensDetails'));
  if (inputAudio) decoded.inputAudio = Math.min(inputAudio, input);
  const outputAudio = audioOf(arrayField(usage, 'candidatesTokensDetails'));
  if (outputAudio) decoded.outputAudio = Math.min(outputAudio, decoded.output);
  return decoded;
}

function audioOf(details: readonly unknown[]): number {
  let tokens = 0;
  for (const detail of details) {
    const entry = asObject(detail);
    if (entry?.modality === 'AUDIO') tokens += tokenCount(field(entry, 'tokenCount')) ?? 0;
  }
  return tokens;
}

/** Writes `usageMetadata`. */
export function encodeUsage(usage: Usage): JsonObject {
  return {
    promptTokenCount: usage.input,
    candidatesTokenCount: Math.max(0, usage.output - usage.reasoning),
    totalTokenCount: usage.input + usage.output,
    ...(usage.reasoning > 0 ? { thoughtsTokenCount: usage.reasoning } : {}),
    ...(usage.cacheRead > 0 ? { cachedContentTokenCount: usage.cacheRead } : {}),
  };
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  LANGUAGE: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
};

/** Reads a `finishReason`; a plain end beside calls means the calls. */
export function decodeFinish(raw: unknown, hasToolCalls: boolean): FinishReason {
  const word = typeof raw === 'string' ? raw : '';
  const unified = Object.hasOwn(finishes, word) ? (finishes[word] as UnifiedFinish) : 'unknown';
  return { unified: hasToolCalls && unified === 'stop' ? 'tool_calls' : unified, raw: word };
}

const words: Readonly<Record<UnifiedFinish, string>> = {
  stop: 'STOP',
  stop_sequence: 'STOP',
  tool_calls: 'STOP',
  length: 'MAX_TOKENS',
  content_filter: 'SAFETY',
  pause: 'OTHER',
  unknown: 'OTHER',
};

/** Writes a `finishReason`; a reason that is Gemini's own is kept. */
export function encodeFinish({ unified, raw }: FinishReason): string {
  return Object.hasOwn(finishes, raw) && finishes[raw] === unified ? raw : words[unified];
}
