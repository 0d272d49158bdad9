import type { Conversation, Message, OfferedTool } from '../models/conversation.ts';
import { isRecord } from '../models/results.ts';
import { pieces } from '../models/tokens.ts';
import { type Answer, newId } from './answers.ts';
import type { ServerEvent } from './events.ts';
import { type RenderFault, WireFault } from './fault.ts';
import { argumentsOf, messageList, modelName, objectBody, positive, stopsOf, textOf } from './reading.ts';

/** A chat completion request as far as a scripted model can follow it. Source: OpenAI API reference, Create chat completion. */
export interface ChatRequest {
  readonly conversation: Conversation;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
}

/** Reads a request body. Throws a 400 fault where OpenAI would refuse. */
export function readChatRequest(raw: unknown): ChatRequest {
  const body = objectBody(raw);
  const format = body.response_format;
  const named = isRecord(format) && isRecord(format.json_schema) ? format.json_schema.schema : undefined;
  const model = modelName(body);
  if (body.n !== undefined && body.n !== null && body.n !== 1)
    throw new WireFault(400, 'Only n = 1 is supported.', { param: 'n' });
  return {
    conversation: {
      model,
      messages: messageList(body).map(readMessage),
      tools: body.tool_choice === 'none' ? [] : readTools(body.tools),
      ...(isRecord(named) ? { answerSchema: named } : {}),
    },
    stream: body.stream === true,
    includeUsage: isRecord(body.stream_options) && body.stream_options.include_usage === true,
    maxTokens: positive(body.max_completion_tokens) ?? positive(body.max_tokens),
    stops: stopsOf(body.stop),
  };
}

/** Renders an answer as one `chat.completion`. */
export function renderCompletion(answer: Answer): unknown {
  const calls = callsOf(answer);
  return {
    id: newId('chatcmpl-'),
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: answer.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: answer.text.text === '' && calls.length > 0 ? null : answer.text.text,
          refusal: null,
          annotations: [],
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: finishReason(answer),
      },
    ],
    usage: usage(answer),
    service_tier: 'default',
    system_fingerprint: 'fp_demo',
  };
}

/** Renders an answer as `chat.completion.chunk` events, word by word, the usage chunk on request, and `[DONE]`. */
export function* renderChunks(answer: Answer, includeUsage: boolean): Generator<ServerEvent> {
  const head = {
    id: newId('chatcmpl-'),
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: answer.model,
    service_tier: 'default',
    system_fingerprint: 'fp_demo',
  };
  const chunk = (delta: unknown, finish: string | null = null): ServerEvent => ({
    data: JSON.stringify({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(includeUsage ? { usage: null } : {}),
    }),
  });
  yield chunk({
    role: 'assistant',
    content: answer.text.text === '' && answer.toolCalls.length > 0 ? null : '',
    refusal: null,
  });
  for (const content of pieces(answer.text.text)) yield chunk({ content });
  for (const [index, { id, type, function: called }] of callsOf(answer).entries()) {
    yield chunk({ tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] });
    for (let at = 0; at < called.arguments.length; at += 12) {
      yield chunk({ tool_calls: [{ index, function: { arguments: called.arguments.slice(at, at + 12) } }] });
    }
  }
  yield chunk({}, finishReason(answer));
  if (includeUsage) yield { data: JSON.stringify({ ...head, choices: [], usage: usage(answer) }) };
  yield { data: '[DONE]' };
}

/** Renders a fault in OpenAI's error shape. */
export const renderOpenAiFault: RenderFault = ({ status, message, code, param }) => ({
  body: { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param, code } },
});

function readMessage(message: Record<string, unknown>, index: number): Message {
  const text = textOf(message.content);
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', text };
    case 'user':
      return { role: 'user', text };
    case 'tool':
      return { role: 'tool', text, toolCallId: String(message.tool_call_id ?? '') };
    case 'assistant': {
      const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isRecord) : [];
      const toolCalls = calls.map((call) => {
        const called = isRecord(call.function) ? call.function : {};
        return { id: String(call.id ?? ''), name: String(called.name ?? ''), arguments: argumentsOf(called.arguments) };
      });
      return { role: 'assistant', text, toolCalls };
    }
    default:
      throw new WireFault(400, `Invalid value: messages[${index}].role is not supported.`, {
        param: `messages[${index}].role`,
      });
  }
}

function readTools(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isRecord).flatMap((tool) => {
    const declared = isRecord(tool.function) ? tool.function : {};
    if (typeof declared.name !== 'string') return [];
    return [{ name: declared.name, parameters: isRecord(declared.parameters) ? declared.parameters : {} }];
  });
}

function callsOf({ toolCalls }: Answer) {
  return toolCalls.map((call) => ({
    id: newId('call_'),
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
}

function finishReason({ text, toolCalls }: Answer): string {
  if (text.ended === 'length') return 'length';
  return toolCalls.length > 0 ? 'tool_calls' : 'stop';
}

function usage({ inputTokens, outputTokens }: Answer) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
