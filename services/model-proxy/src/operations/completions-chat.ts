import { DecodeError } from '../chat/failure.ts';
import { isObject, parseBody } from '../chat/json.ts';
import type { AssistantContent, JsonObject } from '../chat/message.ts';
import type { ChatRequest, Sampling } from '../chat/request.ts';
import type { StreamEvent } from '../chat/stream.ts';
import type { Usage } from '../chat/usage.ts';
import type { ProviderDeclaration } from '../providers/define-provider.ts';
import { ProviderError } from '../upstream/call-provider.ts';
import { codecs } from '../wire/codec.ts';
import { encodeUsage } from '../wire/openai-chat/usage.ts';
import { cannot, countIn, invalid, textIn } from './fields.ts';
import type { AnswerReading } from './operation-kind.ts';
import { wordsUnder } from './remember-answer.ts';

/** What only the older endpoint can do. */
const ITS_OWN = ['suffix', 'logprobs', 'best_of'] as const;

/** A prompt as a chat of one message. Throws `unsupported` for what chat has no word for. */
export function chatOf(
  body: JsonObject,
  model: string,
  prompt: string,
  { maxTokens, stream }: { maxTokens: number | undefined; stream: boolean },
): ChatRequest {
  const own = ITS_OWN.find(
    (name) => body[name] !== undefined && body[name] !== null && !(name === 'best_of' && body[name] === 1),
  );
  if (own !== undefined) throw cannot(own, 'it has no completions, only chat');
  return {
    model,
    system: [],
    messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
    tools: [],
    sampling: samplingOf(body, maxTokens),
    stream,
    streamUsage: stream,
    ...(body.stop === undefined || body.stop === null ? {} : { stop: stopsOf(body.stop) }),
  };
}

function samplingOf(body: JsonObject, maxTokens: number | undefined): Sampling {
  const sampling: Sampling = {};
  // The older endpoint stops after sixteen tokens where nothing is said; nobody who chats means that.
  if (maxTokens) sampling.maxTokens = maxTokens;
  const n = countIn(body, 'n', 128);
  if (n !== undefined && n > 1) sampling.n = n;
  for (const [name, field] of [
    ['temperature', 'temperature'],
    ['top_p', 'topP'],
    ['frequency_penalty', 'frequencyPenalty'],
    ['presence_penalty', 'presencePenalty'],
    ['seed', 'seed'],
  ] as const) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number') throw invalid(name, 'must be a number');
    sampling[field] = value;
  }
  if (isObject(body.logit_bias)) sampling.logitBias = body.logit_bias as Record<string, number>;
  return sampling;
}

function stopsOf(stop: unknown): string[] {
  if (typeof stop === 'string') return [stop];
  if (Array.isArray(stop) && stop.every((one) => typeof one === 'string')) return stop;
  throw invalid('stop', 'must be a text or a list of texts');
}

/** Tells whether the client wants usage at the end of its stream. */
export function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return isObject(options) && options.include_usage === true;
}

/** How the answer of a chat is told as one of the older endpoint. */
export function chatReading(
  { wire }: ProviderDeclaration,
  body: JsonObject,
  { stream, prompt }: { stream: boolean; prompt: string },
): AnswerReading {
  const model = textIn(body, 'model') ?? '';
  const lead = body.echo === true ? prompt : '';
  const created = Math.floor(Date.now() / 1000);
  const shell = (id: string) => ({ id: ownId(id), object: 'text_completion', created, model });
  const choice = (index: number, text: string, reason: string | null) => ({
    text,
    index,
    logprobs: null,
    finish_reason: reason,
  });
  if (!stream) {
    return {
      kind: 'whole',
      read(text) {
        const { id, content, finish, usage, alternatives = [] } = codecs[wire].decodeResponse(parseBody(text));
        const choices = [{ index: 0, content, finish }, ...alternatives];
        const answer = {
          ...shell(id),
          choices: choices.map((one) => choice(one.index, lead + textOf(one.content), reasonOf(one.finish.unified))),
          ...(usage === undefined ? {} : { usage: encodeUsage(usage) }),
        };
        return { body: JSON.stringify(answer), usage, words: wordsUnder(answer.choices, 'text') };
      },
    };
  }
  const { framing, streamDecoder } = codecs[wire];
  const decoder = streamDecoder();
  const led = new Set<number>();
  const written = new Map<number, string>();
  let head = shell('');
  let usage: Usage | undefined;
  const told = (event: StreamEvent): string => {
    switch (event.type) {
      case 'error':
        throw new ProviderError(event.failure);
      case 'start':
        head = shell(event.id);
        return '';
      case 'usage':
        usage = event.usage;
        return '';
      case 'text':
      case 'refusal': {
        const index = event.choice ?? 0;
        const text = led.has(index) ? event.delta : lead + event.delta;
        led.add(index);
        written.set(index, (written.get(index) ?? '') + text);
        return frame({ ...head, choices: [choice(index, text, null)] });
      }
      case 'finish':
        return frame({ ...head, choices: [choice(event.choice ?? 0, '', reasonOf(event.finish.unified))] });
      default:
        return '';
    }
  };
  return {
    kind: 'events',
    framing,
    reader: {
      push: ({ data }) => decoder.push(data).map(told).join(''),
      end() {
        const rest = decoder.end().map(told).join('');
        const last = usage && wantsUsage(body) ? frame({ ...head, choices: [], usage: encodeUsage(usage) }) : '';
        return `${rest}${last}data: [DONE]\n\n`;
      },
      usage: () => usage,
      words: () => [...written.values()],
    },
  };
}

function textOf(content: readonly AssistantContent[]): string {
  return content.map((block) => (block.type === 'text' || block.type === 'refusal' ? block.text : '')).join('');
}

/** Words of the older endpoint; no tools were offered, so that an answer with calls is one that cannot be read. */
function reasonOf(unified: string): string {
  if (unified === 'tool_calls') throw new DecodeError('wrong_shape', 'tool_calls', 'must not be there');
  return unified === 'length' || unified === 'content_filter' ? unified : 'stop';
}

function ownId(id: string): string {
  return `cmpl-${id.replace(/^(?:chatcmpl-|msg_|cmpl-)/, '')}`;
}

function frame(chunk: JsonObject): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
