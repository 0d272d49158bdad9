import type { Conversation, Message, OfferedTool } from '../models/conversation.ts';
import { isRecord } from '../models/results.ts';
import { pieces } from '../models/tokens.ts';
import { type Answer, newId } from './answers.ts';
import type { ServerEvent } from './events.ts';
import { type RenderFault, WireFault } from './fault.ts';
import { argumentsOf, messageList, modelName, objectBody, positive, stopsOf, textOf } from './reading.ts';

/** A Messages request as far as a scripted model can follow it. Source: Anthropic API reference, Messages. */
export interface MessagesRequest {
  readonly conversation: Conversation;
  readonly stream: boolean;
  readonly maxTokens: number;
  readonly stops: readonly string[];
}

/** Reads a request body. Throws a 400 fault where Anthropic would refuse. */
export function readMessagesRequest(raw: unknown): MessagesRequest {
  const conversation = readCountRequest(raw);
  const body = objectBody(raw);
  const maxTokens = positive(body.max_tokens);
  if (maxTokens === undefined) throw new WireFault(400, 'max_tokens: Field required');
  return { conversation, stream: body.stream === true, maxTokens, stops: stopsOf(body.stop_sequences) };
}

/** Reads the body of `count_tokens`, which is a request without `max_tokens`. */
export function readCountRequest(raw: unknown): Conversation {
  const body = objectBody(raw);
  const config = isRecord(body.output_config) ? body.output_config.format : body.output_format;
  const system = textOf(body.system);
  const choice = isRecord(body.tool_choice) ? body.tool_choice.type : undefined;
  return {
    model: modelName(body),
    messages: [
      ...(system === '' ? [] : [{ role: 'system' as const, text: system }]),
      ...messageList(body).flatMap(readMessage),
    ],
    tools: choice === 'none' ? [] : readTools(body.tools),
    ...(isRecord(config) && isRecord(config.schema) ? { answerSchema: config.schema } : {}),
  };
}

/** Renders an answer as one `message`. */
export function renderMessage(answer: Answer): Record<string, unknown> {
  const text = answer.text.text === '' ? [] : [{ type: 'text', text: answer.text.text, citations: null }];
  return {
    id: newId('msg_'),
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: [
      ...text,
      ...answer.toolCalls.map((call) => ({
        type: 'tool_use',
        id: newId('toolu_'),
        name: call.name,
        input: call.arguments,
      })),
    ],
    stop_reason: stopReason(answer),
    stop_sequence: answer.text.stopSequence ?? null,
    usage: {
      input_tokens: answer.inputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: answer.outputTokens,
      service_tier: 'standard',
    },
  };
}

/** Renders an answer as the events of a stream, from `message_start` to `message_stop`, with a `ping` as the real one sends. */
export function* renderEvents(answer: Answer): Generator<ServerEvent> {
  const message = renderMessage(answer);
  const usage = { ...(message.usage as Record<string, unknown>), output_tokens: 1 };
  yield event('message_start', { message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage } });
  yield event('ping', {});
  for (const [index, block] of (message.content as Record<string, unknown>[]).entries()) {
    const isText = block.type === 'text';
    yield event('content_block_start', {
      index,
      content_block: isText ? { type: 'text', text: '' } : { ...block, input: {} },
    });
    const parts = isText ? pieces(String(block.text)) : slices(JSON.stringify(block.input));
    for (const part of parts) {
      const delta = isText ? { type: 'text_delta', text: part } : { type: 'input_json_delta', partial_json: part };
      yield event('content_block_delta', { index, delta });
    }
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', {
    delta: { stop_reason: message.stop_reason, stop_sequence: message.stop_sequence },
    usage: { output_tokens: answer.outputTokens },
  });
  yield event('message_stop', {});
}

/** Renders a fault in Anthropic's error shape, with its request id in body and header. */
export const renderAnthropicFault: RenderFault = ({ status, message }) => {
  const requestId = newId('req_');
  return {
    body: { type: 'error', error: { type: faultType(status), message }, request_id: requestId },
    headers: { 'request-id': requestId },
  };
};

function faultType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}

/** One wire message may be several here: tool results stand apart from the text beside them. */
function readMessage(message: Record<string, unknown>, index: number): Message[] {
  const blocks = Array.isArray(message.content) ? message.content.filter(isRecord) : [];
  const text = textOf(
    typeof message.content === 'string' ? message.content : blocks.filter((block) => block.type === 'text'),
  );
  if (message.role === 'assistant') {
    const uses = blocks.filter((block) => block.type === 'tool_use');
    const toolCalls = uses.map((use) => ({
      id: String(use.id ?? ''),
      name: String(use.name ?? ''),
      arguments: argumentsOf(use.input),
    }));
    return [{ role: 'assistant', text, toolCalls }];
  }
  if (message.role === 'system') return [{ role: 'system', text }];
  if (message.role !== 'user')
    throw new WireFault(400, `messages.${index}.role: Input should be 'user' or 'assistant'`);
  const results = blocks
    .filter((block) => block.type === 'tool_result')
    .map(
      (block): Message => ({
        role: 'tool',
        text: textOf(block.content),
        toolCallId: String(block.tool_use_id ?? ''),
        isError: block.is_error === true,
      }),
    );
  if (results.length === 0) return [{ role: 'user', text }];
  // Text beside tool results is a client's reminder within the same turn, not a new request.
  return text === '' ? results : [...results, { role: 'system', text }];
}

function readTools(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isRecord).flatMap((tool) => {
    if (typeof tool.name !== 'string') return [];
    return [{ name: tool.name, parameters: isRecord(tool.input_schema) ? tool.input_schema : {} }];
  });
}

function stopReason({ text, toolCalls }: Answer): string {
  if (text.ended === 'length') return 'max_tokens';
  if (text.ended === 'stop') return 'stop_sequence';
  return toolCalls.length > 0 ? 'tool_use' : 'end_turn';
}

function event(type: string, fields: Record<string, unknown>): ServerEvent {
  return { name: type, data: JSON.stringify({ type, ...fields }) };
}

function slices(text: string): string[] {
  return text.match(/.{1,12}/gs) ?? [];
}
