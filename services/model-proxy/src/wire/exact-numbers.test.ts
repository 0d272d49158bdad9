import { describe, expect, it } from '@jest/globals';
import { hasArguments, parseBody } from '../chat/json.ts';
import type { Dialect, FrontDialect, JsonObject } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import type { Arrival } from '../turn/admit.ts';
import { withExactArguments } from '../turn/exact-body.ts';
import { codecs, encodeRequestFor, forwardBytes, type Wire } from './codec.ts';

const ARGUMENTS = '{"id":9007199254740993,"list":[1234567890123456789,{"wei":1.234567890123456789}]}';
const ESCAPED = JSON.stringify(ARGUMENTS);
const TOOL = '{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807}}}';
const FRONTS: FrontDialect[] = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'];
/** Answers in the Responses API need more around them than a dialect: its calls are texts, as in chat. */
const RENDERED = FRONTS.filter((dialect) => dialect !== 'openai-responses');
const WIRES = Object.keys(codecs) as Dialect[];

/** Either as a value or as a text. */
const holds = (text: string) => text.includes(ARGUMENTS) || text.includes(ESCAPED.slice(1, -1));

const REQUESTS: Record<FrontDialect, string> = {
  'openai-chat': `{"model":"m","messages":[{"role":"user","content":"u"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${ESCAPED}}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":${TOOL}}}]}`,
  'openai-responses': `{"model":"m","input":[{"role":"user","content":"u"},{"type":"function_call","call_id":"c1","name":"f","arguments":${ESCAPED}},{"type":"function_call_output","call_id":"c1","output":"r"}],"tools":[{"type":"function","name":"f","parameters":${TOOL}}]}`,
  'anthropic-messages': `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":${ARGUMENTS}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]}],"tools":[{"name":"f","input_schema":${TOOL}}]}`,
  gemini: `{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":${ARGUMENTS}}}]},{"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":${ARGUMENTS}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${TOOL}}]}]}`,
};

function arrivalOf(dialect: FrontDialect, text: string): Arrival {
  const own = dialect === 'gemini' ? { model: 'm', stream: false } : {};
  const { body, facts } = frontOf(dialect).parseRequest({ ...(JSON.parse(text) as JsonObject), ...own });
  return { dialect, body, facts, bytes: Buffer.from(text) } as Arrival;
}

describe.each(FRONTS)('a request in %s with a number that no double holds', (dialect) => {
  const { body, facts, bytes } = withExactArguments(arrivalOf(dialect, REQUESTS[dialect]));

  it.each(WIRES)('[model:exact-numbers] says it to %s as it was written', (wire) => {
    const request = frontOf(dialect).neutralRequest({ body, facts });
    const encoded = encodeRequestFor({ wire, quirks: {} } as Wire, request);
    expect(holds(JSON.stringify(encoded.body))).toBe(true);
  });

  it('[model:exact-numbers] stays as it is where its body is written anew', () => {
    const own = { wire: dialect, quirks: {} } as Wire<FrontDialect>;
    const toolResults = new Map([['c1', 'other']]);
    const written = forwardBytes(own, bytes, body, { model: 'n', toolResults }).toString();
    expect(written).toContain('other');
    expect(holds(written)).toBe(true);
  });

  it('is told of in its facts', () => {
    const told = facts.assistant[0]?.toolCalls[0]?.arguments;
    expect(typeof told === 'string' ? told : JSON.stringify(told)).toBe(ARGUMENTS);
  });
});

it('of a request, nothing but the arguments of calls and results is read otherwise', () => {
  const text = REQUESTS['anthropic-messages'].replace(
    '"max_tokens":9',
    '"max_tokens":9,"top_p":0.12345678901234567891',
  );
  const { body } = withExactArguments(arrivalOf('anthropic-messages', text));
  expect(body.top_p).toBe(0.12345678901234568);
  const { messages: _one, ...rest } = body;
  const { messages: _other, ...plain } = JSON.parse(text) as JsonObject;
  expect(rest).toEqual(plain);
  const without = arrivalOf('gemini', '{"contents":[{"role":"user","parts":[{"text":"1234567890123456789"}]}]}');
  expect(withExactArguments(without)).toBe(without);
});

const ANSWERS: Record<Dialect, string> = {
  'openai-chat': `{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${ARGUMENTS}}}]},"finish_reason":"tool_calls"}]}`,
  'openai-responses': `{"id":"a","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"function_call","id":"i","call_id":"c1","name":"f","arguments":${ESCAPED}}]}`,
  'anthropic-messages': `{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"c1","name":"f","input":${ARGUMENTS}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`,
  gemini: `{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":${ARGUMENTS}}}]},"finishReason":"STOP"}]}`,
  'bedrock-converse': `{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"c1","name":"f","input":${ARGUMENTS}}}]}},"stopReason":"tool_use"}`,
  cohere: `{"id":"a","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${ESCAPED}}}]}}`,
  ollama: `{"model":"m","created_at":"2026-01-01T00:00:00Z","done":true,"done_reason":"stop","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${ARGUMENTS}}}]}}`,
};

const STREAMS: Partial<Record<Dialect, string[]>> = {
  'openai-chat': [
    `{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":${ARGUMENTS}}}]}}]}`,
  ],
  'anthropic-messages': [
    '{"type":"message_start","message":{"id":"a","model":"m","usage":{"input_tokens":1}}}',
    `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"f","input":${ARGUMENTS}}}`,
    '{"type":"content_block_stop","index":0}',
  ],
  gemini: [ANSWERS.gemini],
  ollama: [ANSWERS.ollama],
};

describe.each(WIRES)('an answer of %s with a number that no double holds', (wire) => {
  const isText = wire === 'openai-chat' || wire === 'openai-responses';

  it.each(RENDERED)('[model:exact-numbers] says it in %s as the model wrote it', (dialect) => {
    const body = parseBody(ANSWERS[wire], !isText || hasArguments(ANSWERS[wire]));
    const { content, finish } = codecs[wire].decodeResponse(body);
    expect(content.flatMap((block) => (block.type === 'toolCall' ? [block.arguments] : []))).toEqual([ARGUMENTS]);
    const options = { model: 'm', trajectory: 't', created: 1, includeUsage: false };
    const rendered = frontOf(dialect).renderResponse({ id: 'a', model: 'm', content, finish }, options);
    expect(holds(JSON.stringify(rendered))).toBe(true);
  });
});

describe.each(Object.keys(STREAMS) as Dialect[])('a stream of %s with a number that no double holds', (wire) => {
  it.each(RENDERED)('[model:exact-numbers] says it in %s as the model wrote it', (dialect) => {
    const decoder = codecs[wire].streamDecoder();
    const events = (STREAMS[wire] ?? []).flatMap((data) => decoder.push(data));
    const deltas = events.flatMap((event) => (event.type === 'toolCallDelta' ? [event.delta] : []));
    expect(deltas.join('')).toBe(ARGUMENTS);
    const encoder = frontOf(dialect).renderStream({ model: 'm', trajectory: 't', created: 1, includeUsage: false });
    const told = events.map((event) => encoder.encode(event)).join('') + encoder.end();
    expect(holds(told)).toBe(true);
  });
});
