import { DecodeError, malformed, type ProviderFailure } from '../../chat/failure.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChosenOdds } from '../../chat/odds.ts';
import type { StreamEncoder, StreamEvent } from '../../chat/stream.ts';
import type { Usage } from '../../chat/usage.ts';
import type { ResponseNames } from '../openai-chat/response.ts';
import { encodeOdds, meanOdds } from './odds.ts';
import { callOf, isGrounding } from './response.ts';
import { ownSignature, wrappedRedacted, wrappedSignature } from './signature.ts';
import { encodeFinish, encodeUsage } from './usage.ts';

/** What a stream is written with; `errorFrame` writes a failure as one SSE frame in the caller's dialect. */
export interface GeminiStreamOptions extends ResponseNames {
  errorFrame: (failure: ProviderFailure) => string;
}

interface OpenCall {
  readonly id: string;
  readonly name: string;
  readonly parts: string[];
}

interface OpenAnswer {
  readonly calls: Map<number, OpenCall>;
  signature: string | undefined;
  finish: string | undefined;
  grounding: JsonObject;
  odds?: ChosenOdds[];
}

/**
 * Encodes events as a stream of generateContent with `alt=sse`: a chunk for each piece of text, one for each whole call, and
 * a last one with the reason to stop and the usage.
 */
export function createStreamEncoder(options: GeminiStreamOptions): StreamEncoder {
  const answers = new Map<number, OpenAnswer>();
  let names: JsonObject = {};
  let usage: Usage | undefined;
  let failed = false;

  const answerAt = (index: number): OpenAnswer => {
    let found = answers.get(index);
    if (found === undefined) {
      found = { calls: new Map(), signature: undefined, finish: undefined, grounding: {} };
      answers.set(index, found);
    }
    return found;
  };
  const chunk = (fields: JsonObject) => `data: ${JSON.stringify({ ...fields, ...names })}\n\n`;
  const say = (index: number, part: JsonObject, beside?: JsonObject): string => {
    const answer = answerAt(index);
    const signed = answer.signature === undefined ? part : { ...part, thoughtSignature: answer.signature };
    answer.signature = undefined;
    return chunk({ candidates: [{ content: { role: 'model', parts: [signed] }, index, ...beside }] });
  };

  const write = (event: Exclude<StreamEvent, { type: 'start' | 'usage' | 'error' }>): string => {
    const index = event.choice ?? 0;
    const answer = answerAt(index);
    switch (event.type) {
      case 'text':
        if (event.odds === undefined) return say(index, { text: event.delta });
        answer.odds ??= [];
        for (const one of event.odds) answer.odds.push(one);
        return say(index, { text: event.delta }, { logprobsResult: encodeOdds(event.odds) });
      case 'refusal':
        return say(index, { text: event.delta });
      case 'reasoning':
        return say(index, { text: event.delta, thought: true });
      case 'signature':
        answer.signature = ownSignature(event.signature);
        if (answer.signature !== undefined) return '';
        return say(index, { text: '', thought: true, thoughtSignature: wrappedSignature(event.signature) });
      case 'redacted':
        return say(index, { text: '', thought: true, thoughtSignature: wrappedRedacted(event.data) });
      case 'toolCallStart':
        answer.calls.set(event.index, { id: event.id, name: event.name, parts: [] });
        return '';
      case 'toolCallDelta':
        answer.calls.get(event.index)?.parts.push(event.delta);
        return '';
      case 'toolCallStop': {
        const call = answer.calls.get(event.index);
        if (call === undefined) return '';
        answer.calls.delete(event.index);
        return say(index, { functionCall: callOf(call.id, call.name, call.parts.join('')) });
      }
      case 'opaque':
        if (event.dialect !== 'gemini') return '';
        if (!isGrounding(event.kind)) return say(index, event.value);
        answer.grounding[event.kind] = event.value;
        return '';
      case 'finish':
        answer.finish ??= encodeFinish(event.finish);
        return '';
      default:
        return '';
    }
  };

  const fail = (failure: ProviderFailure): string => {
    failed = true;
    return options.errorFrame(failure);
  };
  /** A call whose arguments are no JSON object cannot be said. */
  const guarded = (run: () => string): string => {
    try {
      return run();
    } catch (error) {
      if (error instanceof DecodeError) return fail(malformed(error));
      throw error;
    }
  };

  return {
    encode(event) {
      if (failed) return '';
      switch (event.type) {
        case 'start':
          names = { modelVersion: options.model ?? event.model, responseId: options.id ?? event.id };
          return '';
        case 'usage':
          usage = event.usage;
          return '';
        case 'error':
          return fail(event.failure);
        default:
          return guarded(() => write(event));
      }
    },
    end() {
      if (failed) return '';
      const indexes = answers.size === 0 ? [0] : [...answers.keys()].sort((a, b) => a - b);
      return guarded(() => {
        let text = '';
        for (const index of indexes) {
          // A provider that never closes its calls has said them all the same.
          for (const call of [...answerAt(index).calls.keys()])
            text += write({ type: 'toolCallStop', index: call, choice: index });
          if (answerAt(index).signature !== undefined) text += say(index, { text: '' });
        }
        const candidates = indexes.map((index) => {
          const { finish = 'OTHER', grounding, odds } = answerAt(index);
          const mean = odds === undefined ? {} : { avgLogprobs: meanOdds(odds) };
          return {
            content: { role: 'model', parts: [{ text: '' }] },
            finishReason: finish,
            index,
            ...mean,
            ...grounding,
          };
        });
        return text + chunk({ candidates, ...(usage ? { usageMetadata: encodeUsage(usage) } : {}) });
      });
    },
    ping() {
      return ': ping\n\n';
    },
  };
}
