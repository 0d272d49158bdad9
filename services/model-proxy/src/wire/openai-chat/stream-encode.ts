import type { ProviderFailure } from '../../chat/failure.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChosenOdds } from '../../chat/odds.ts';
import type { StreamEncoder } from '../../chat/stream.ts';
import type { Usage } from '../../chat/usage.ts';
import { encodeOdds } from '../odds.ts';
import { encodeReasoningDetail } from './messages.ts';
import type { ResponseNames } from './response.ts';
import { encodeFinish, encodeUsage } from './usage.ts';

/** What a stream is written with; `errorFrame` writes a failure as one SSE frame in the caller's dialect. */
export interface OpenAiStreamOptions extends ResponseNames {
  includeUsage: boolean;
  errorFrame: (failure: ProviderFailure) => string;
}

/** Encodes events as chat completion chunks: role first, a chunk a delta, usage if asked for, then `[DONE]`. */
export function createStreamEncoder(options: OpenAiStreamOptions): StreamEncoder {
  let head = '';
  /** What stands around the text of a chunk: most chunks by far are of text. */
  let around: readonly string[] = ['', ''];
  let usage: Usage | undefined;
  let failed = false;
  const begun = new Set<number>();
  const customCalls = new Map<string, boolean>();

  const open = (id: string, model: string, created: number): void => {
    const fields = { id: options.id ?? id, object: 'chat.completion.chunk', created, model: options.model ?? model };
    head = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":[`;
    // JSON holds no such character.
    around = chunk(0, '{"content":\0}', 'null').split('\0');
  };

  // Every chunk is put together from the constant head and the JSON text of its delta.
  const chunk = (choice: number, delta: string, finish: string, beside?: JsonObject, odds = 'null'): string => {
    const usageField = options.includeUsage ? ',"usage":null' : '';
    const entry = `{"index":${choice},"delta":${delta},"logprobs":${odds},"finish_reason":${finish}}`;
    const rest = beside === undefined ? '' : `,${JSON.stringify(beside).slice(1, -1)}`;
    return `${head}${entry}]${usageField}${rest}}\n\n`;
  };

  const begin = (choice: number): string => {
    if (begun.has(choice)) return '';
    begun.add(choice);
    if (head === '') open('', '', options.created ?? 0);
    return chunk(choice, '{"role":"assistant","content":"","refusal":null}', 'null');
  };

  const delta = (choice: number, fields: JsonObject): string =>
    begin(choice) + chunk(choice, JSON.stringify(fields), 'null');

  const say = (choice: number, content: string): string => {
    const text = JSON.stringify(content);
    return begin(choice) + (choice === 0 ? around[0] + text + around[1] : chunk(choice, `{"content":${text}}`, 'null'));
  };

  const sayWithOdds = (choice: number, content: string, odds: readonly ChosenOdds[]): string => {
    const logprobs = JSON.stringify({ content: encodeOdds(odds), refusal: null });
    return begin(choice) + chunk(choice, JSON.stringify({ content }), 'null', undefined, logprobs);
  };

  return {
    encode(event) {
      if (failed) return '';
      switch (event.type) {
        case 'start':
          open(event.id, event.model, event.created ?? options.created ?? 0);
          return '';
        case 'text':
          if (event.odds !== undefined) return sayWithOdds(event.choice ?? 0, event.delta, event.odds);
          return say(event.choice ?? 0, event.delta);
        case 'refusal':
          return delta(event.choice ?? 0, { refusal: event.delta });
        case 'reasoning':
          return delta(event.choice ?? 0, { reasoning_content: event.delta });
        case 'signature': {
          const detail = encodeReasoningDetail({ type: 'reasoning', text: '', signature: event.signature });
          return delta(event.choice ?? 0, { reasoning_details: [detail] });
        }
        case 'redacted': {
          const detail = encodeReasoningDetail({ type: 'reasoning', text: '', redacted: event.data });
          return delta(event.choice ?? 0, { reasoning_details: [detail] });
        }
        case 'toolCallStart': {
          const { index, id, name } = event;
          const call =
            event.kind === 'custom'
              ? { index, id, type: 'custom', custom: { name, input: '' } }
              : { index, id, type: 'function', function: { name, arguments: '' } };
          customCalls.set(`${event.choice ?? 0}:${index}`, event.kind === 'custom');
          return delta(event.choice ?? 0, { tool_calls: [call] });
        }
        case 'toolCallDelta': {
          const { index } = event;
          const custom = customCalls.get(`${event.choice ?? 0}:${index}`) === true;
          const part = custom ? { custom: { input: event.delta } } : { function: { arguments: event.delta } };
          return delta(event.choice ?? 0, { tool_calls: [{ index, ...part }] });
        }
        case 'usage':
          usage = event.usage;
          return '';
        case 'finish': {
          const choice = event.choice ?? 0;
          const beside = event.extra?.['openai-chat'];
          return begin(choice) + chunk(choice, '{}', JSON.stringify(encodeFinish(event.finish)), beside);
        }
        case 'error':
          failed = true;
          return options.errorFrame(event.failure);
        default:
          return '';
      }
    },
    end() {
      if (failed) return '';
      const told = usage && options.includeUsage ? `${head}],"usage":${JSON.stringify(encodeUsage(usage))}}\n\n` : '';
      return `${told}data: [DONE]\n\n`;
    },
    ping() {
      return ': ping\n\n';
    },
  };
}
