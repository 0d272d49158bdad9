import { CITATION } from '../../chat/cited.ts';
import type { ProviderFailure } from '../../chat/failure.ts';
import type { FinishReason } from '../../chat/finish.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamEncoder, StreamEvent } from '../../chat/stream.ts';
import { noUsage, type Usage } from '../../chat/usage.ts';
import { isGeminiSignature } from '../gemini/signature.ts';
import type { ResponseNames } from '../openai-chat/response.ts';
import { encodeFinish, encodeUsage } from './usage.ts';

/** What a stream is written with; `errorFrame` writes a failure as one SSE frame in the caller's dialect. */
export interface AnthropicStreamOptions extends ResponseNames {
  errorFrame: (failure: ProviderFailure) => string;
}

function frame(type: string, fields: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/**
 * Encodes events as the events of one message: blocks never overlap, so what belongs to another block waits while a tool
 * call is open. Usage is known at the end for most providers, so `message_delta` is written by `end()`.
 */
export function createStreamEncoder(options: AnthropicStreamOptions): StreamEncoder {
  let started = false;
  let failed = false;
  let usage: Usage | undefined;
  let finish: FinishReason | undefined;
  let index = -1;
  let open: 'none' | 'text' | 'thinking' | 'tool' = 'none';
  let openCall = -1;
  let waiting: StreamEvent[] = [];
  let textHead = '';
  /** A proof without its thought that came before all else: an empty block would be taken for the answer's first. */
  let late: string | undefined;
  /** The open text is over; sources that are named at the end still go into it. */
  let over = false;

  const start = (id: string, model: string): string => {
    if (started) return '';
    started = true;
    const message = {
      id: options.id ?? id,
      type: 'message',
      role: 'assistant',
      model: options.model ?? model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeUsage({ ...(usage ?? noUsage), output: usage?.output ?? 0 }),
    };
    return frame('message_start', { message });
  };

  const close = (): string => {
    if (open === 'none') return '';
    open = 'none';
    over = false;
    openCall = -1;
    return frame('content_block_stop', { index });
  };

  const begin = (kind: typeof open, block: JsonObject): string => {
    const closed = close();
    index += 1;
    open = kind;
    if (kind === 'text') {
      const head = JSON.stringify({ type: 'content_block_delta', index, delta: { type: 'text_delta' } });
      textHead = `event: content_block_delta\ndata: ${head.slice(0, -2)},"text":`;
    }
    return closed + frame('content_block_start', { index, content_block: block });
  };

  const delta = (fields: JsonObject): string => frame('content_block_delta', { index, delta: fields });

  const drain = (): string => {
    const events = waiting;
    waiting = [];
    return events.map(write).join('');
  };

  const thinking = (): string =>
    open === 'thinking' ? '' : begin('thinking', { type: 'thinking', thinking: '', signature: '' });

  const signed = (signature: string): string => {
    const opened = thinking();
    return opened + delta({ type: 'signature_delta', signature }) + close();
  };

  const proof = (): string => {
    const signature = late;
    late = undefined;
    return signature === undefined ? '' : signed(signature);
  };

  const whole = (block: JsonObject): string => {
    const opened = begin('thinking', block);
    return opened + close();
  };

  const write = (event: StreamEvent): string => {
    if (open === 'tool') {
      if (event.type === 'toolCallDelta' && event.index === openCall) {
        return delta({ type: 'input_json_delta', partial_json: event.delta });
      }
      if (event.type === 'toolCallStop' && event.index === openCall) return close() + drain();
      if (event.type !== 'blockStop') waiting.push(event);
      return '';
    }
    if (late !== undefined && index === -1 && event.type !== 'text' && event.type !== 'refusal') {
      const opened = proof();
      return opened + write(event);
    }
    switch (event.type) {
      case 'text':
      case 'refusal': {
        const opened = open === 'text' && !over ? '' : begin('text', { type: 'text', text: '' });
        return `${opened}${textHead}${JSON.stringify(event.delta)}}}\n\n`;
      }
      case 'reasoning': {
        const opened = thinking();
        return opened + delta({ type: 'thinking_delta', thinking: event.delta });
      }
      case 'signature':
        if (index !== -1 || !isGeminiSignature(event.signature)) return signed(event.signature);
        late = event.signature;
        return '';
      case 'redacted':
        return whole({ type: 'redacted_thinking', data: event.data });
      case 'toolCallStart': {
        const opened = begin('tool', { type: 'tool_use', id: event.id, name: event.name, input: {} });
        openCall = event.index;
        return opened;
      }
      case 'blockStop':
        if (open !== 'text') return close();
        over = true;
        return '';
      case 'opaque':
        if (event.dialect !== 'anthropic-messages') return '';
        if (event.kind !== CITATION) return whole(event.value);
        return open === 'text' ? delta({ type: 'citations_delta', citation: event.value }) : '';
      default:
        return '';
    }
  };

  return {
    encode(event) {
      if (failed) return '';
      switch (event.type) {
        case 'start':
          return start(event.id, event.model);
        case 'usage':
          usage = event.usage;
          return '';
        case 'error':
          failed = true;
          return options.errorFrame(event.failure);
        case 'finish':
          if (event.choice === undefined) finish ??= event.finish;
          return '';
        default:
          // The dialect has one answer; a request for several was refused before the call.
          return event.choice === undefined ? start('', '') + write(event) : '';
      }
    },
    end() {
      if (failed) return '';
      let text = start('', '');
      while (open === 'tool') text += close() + drain();
      text += close() + proof();
      const stop = encodeFinish(finish ?? { unified: 'unknown', raw: '' });
      text += frame('message_delta', { delta: stop, usage: encodeUsage(usage ?? noUsage) });
      return text + frame('message_stop', {});
    },
    ping() {
      return frame('ping', {});
    },
  };
}
