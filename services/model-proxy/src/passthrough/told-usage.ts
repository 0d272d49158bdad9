import { asObject, parseObject } from '../chat/json.ts';
import type { Dialect, JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import { toldTokens } from '../operations/fields.ts';
import { decodeUsage as anthropicUsage } from '../wire/anthropic-messages/usage.ts';
import { decodeUsage as cohereUsage } from '../wire/cohere/usage.ts';
import { type Framing, payloadReader } from '../wire/framing.ts';
import { decodeUsage as geminiUsage } from '../wire/gemini/usage.ts';
import { decodeUsage as ollamaUsage } from '../wire/ollama/response.ts';
import { decodeUsage as openAiUsage } from '../wire/openai-chat/usage.ts';

/** Longest JSON answer in which usage is looked for, and longest event. */
const MAX_LOOKED_AT = 8 * 1024 * 1024;

/** Reads what an answer took while its bytes go by. */
export interface UsageReader {
  push(chunk: Buffer): void;
  /** As told; undefined where it was not, or its form is not known. */
  end(): Usage | undefined;
}

/** Makes the reader for an answer of a type from a provider of a wire. */
export function usageReader(wire: Dialect, contentType: string): UsageReader {
  if (/^text\/event-stream/i.test(contentType)) return ofEvents(wire, 'sse');
  if (/^application\/(x-)?ndjson/i.test(contentType)) return ofEvents(wire, 'json-lines');
  if (/^application\/json/i.test(contentType)) return ofJson(wire);
  return { push() {}, end: () => undefined };
}

function ofJson(wire: Dialect): UsageReader {
  let chunks: Buffer[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      if (size <= MAX_LOOKED_AT) chunks.push(chunk);
      else chunks = [];
    },
    end() {
      if (size > MAX_LOOKED_AT) return undefined;
      const answer = parseObject(Buffer.concat(chunks).toString());
      return answer && usageIn(wire, answer);
    },
  };
}

function ofEvents(wire: Dialect, framing: Framing): UsageReader {
  const reader = payloadReader(framing, MAX_LOOKED_AT);
  let usage: Usage | undefined;
  let readable = true;
  const see = (payloads: readonly string[]) => {
    for (const data of payloads) {
      if (!data.includes('sage') && !data.includes('eval_count')) continue;
      const event = parseObject(data);
      const told = event && usageIn(wire, event);
      // Anthropic tells the prompt first and the answer last.
      if (told) usage = usage && told.input === 0 ? { ...usage, output: told.output } : told;
    }
  };
  return {
    push(chunk) {
      if (!readable) return;
      try {
        see(reader.push(chunk));
      } catch {
        // An event too long to be looked at: the client gets it all the same.
        readable = false;
      }
    },
    end() {
      if (readable) see(reader.end());
      return usage;
    },
  };
}

function usageIn(wire: Dialect, answer: JsonObject): Usage | undefined {
  // Streams of Anthropic and of OpenAI's responses tell it one level down.
  const inner = asObject(answer.message) ?? asObject(answer.response) ?? answer;
  const told = answer.usage ?? inner.usage;
  if (wire === 'anthropic-messages') return anthropicUsage(told);
  if (wire === 'gemini') return geminiUsage(answer.usageMetadata);
  if (wire === 'cohere') return cohereUsage(asObject(answer.delta)?.usage ?? answer.usage ?? answer.meta);
  if (wire === 'ollama') return ollamaUsage(answer);
  return openAiUsage(told) ?? toldTokens(told);
}
