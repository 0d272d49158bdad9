import { crc32 } from 'node:zlib';
import type { FakeReply } from './provider-wire.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a path of the Bedrock runtime asks for; undefined for other paths. */
export function bedrockPath(path: string): { model: string; stream: boolean } | undefined {
  const found = /^\/model\/([^/]+)\/converse(-stream)?$/.exec(path);
  return found === null ? undefined : { model: decodeURIComponent(found[1] as string), stream: found[2] !== undefined };
}

/** What Claude proves its reasoning by; it is wanted back before calls, while the model thinks. */
export const BEDROCK_SIGNATURE = Buffer.from('signed by the fake of Bedrock').toString('base64');

/** Tells whether a request asks the model to think. */
export function thinks(json: Json): boolean {
  return (json.additionalModelRequestFields as Json | undefined)?.thinking !== undefined;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Why Converse would refuse a request; undefined: it would not. */
export function bedrockFault(json: Json): string | undefined {
  const messages = json.messages as { role?: unknown; content?: Json[] }[] | undefined;
  if (!Array.isArray(messages) || messages.length === 0) return 'messages must not be empty';
  for (const name of ['model', 'stream', 'max_tokens', 'tools']) if (name in json) return `Unexpected field ${name}`;
  if (messages[0]?.role !== 'user') return 'A conversation must start with a user message.';
  let before: unknown;
  for (const { role, content } of messages) {
    if (role === before) return 'A conversation must alternate between user and assistant roles.';
    before = role;
    if (!Array.isArray(content) || content.length === 0) return 'The content field must not be empty.';
    if (content.some((block) => typeof block.text === 'string' && block.text.trim() === ''))
      return 'The text field in the ContentBlock object is blank.';
  }
  const blocks = messages.flatMap(({ content }) => content ?? []);
  const uses = blocks.flatMap((block) => (block.toolUse ? [block.toolUse as Json] : []));
  if (uses.some((use) => !NAME.test(String(use.toolUseId)))) return 'toolUseId failed to satisfy its pattern';
  if (uses.length > 0 && json.toolConfig === undefined)
    return 'The toolConfig field must be defined when using toolUse and toolResult content blocks.';
  const isProven = (block: Json) => JSON.stringify(block.reasoningContent ?? '').includes(BEDROCK_SIGNATURE);
  const called = messages.filter(({ content }) => content?.some((block) => block.toolUse));
  if (thinks(json) && called.some(({ content }) => !content?.some(isProven)))
    return 'Expected `thinking` or `redacted_thinking`, but found `tool_use`.';
  return undefined;
}

/** The text of the last message, results of tools included. */
export function lastBedrockText(json: Json): string {
  const messages = json.messages as { content: Json[] }[];
  const texts = (messages.at(-1)?.content ?? []).flatMap((block) => {
    const result = block.toolResult as { content: Json[] } | undefined;
    return result === undefined ? [block.text] : result.content.map((one) => one.text);
  });
  return texts.filter((text) => typeof text === 'string').join('') || 'ok';
}

const USAGE = {
  inputTokens: 7,
  outputTokens: 5,
  totalTokens: 112,
  cacheReadInputTokens: 100,
  cacheWriteInputTokens: 0,
};

/** Tokens of every answer, as they are billed: those from the cache included. */
export const BEDROCK_TOKENS = { input: 107, output: 5, cached: 100 };

/** The whole answer. */
export function renderBedrock(reply: FakeReply, thinking = false): object {
  const calls = callsOf(reply);
  const reasoningText = { text: 'I think about it.', signature: BEDROCK_SIGNATURE };
  const content = [
    ...(thinking ? [{ reasoningContent: { reasoningText } }] : []),
    ...(reply.text ? [{ text: reply.text }] : []),
    ...calls.map(({ id, name, json }) => ({ toolUse: { toolUseId: id, name, input: JSON.parse(json) as unknown } })),
  ];
  return {
    metrics: { latencyMs: 5 },
    output: { message: { role: 'assistant', content } },
    stopReason: calls.length > 0 ? 'tool_use' : 'end_turn',
    usage: USAGE,
  };
}

/** The answer as messages of an event stream, after reasoning if it thinks; `breaks` ends it with that exception in the middle of its text. */
export function* bedrockMessages(reply: FakeReply, thinking = false, breaks?: string): Generator<Buffer> {
  yield event('messageStart', { role: 'assistant' });
  let contentBlockIndex = 0;
  if (thinking) {
    for (const said of [{ text: 'I think ' }, { text: 'about it.' }, { signature: BEDROCK_SIGNATURE }])
      yield event('contentBlockDelta', { contentBlockIndex, delta: { reasoningContent: said } });
    yield event('contentBlockStop', { contentBlockIndex: contentBlockIndex++ });
  }
  const chunks = reply.text?.match(/\S+\s*/g) ?? [];
  for (const text of chunks) {
    yield event('contentBlockDelta', { contentBlockIndex, delta: { text } });
    if (breaks !== undefined) return yield exception(breaks, 'The model broke off.');
  }
  if (chunks.length > 0) yield event('contentBlockStop', { contentBlockIndex: contentBlockIndex++ });
  const calls = callsOf(reply);
  for (const { id, name, json } of calls) {
    yield event('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } });
    for (const input of ['', ...(json.match(/.{1,5}/gsu) ?? [])])
      yield event('contentBlockDelta', { contentBlockIndex, delta: { toolUse: { input } } });
    yield event('contentBlockStop', { contentBlockIndex: contentBlockIndex++ });
  }
  yield event('messageStop', { stopReason: calls.length > 0 ? 'tool_use' : 'end_turn' });
  yield event('metadata', { usage: USAGE, metrics: { latencyMs: 5 } });
}

function callsOf(reply: FakeReply) {
  return (reply.toolCalls ?? []).map(({ id, name, arguments: given }, index) => ({
    id: id ?? `tooluse_fake_${index}`,
    name,
    json: typeof given === 'string' ? given : JSON.stringify(given),
  }));
}

// The padding stands in every event of the service, so that their sizes tell less.
function event(type: string, payload: object): Buffer {
  return message(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    { ...payload, p: 'abcdefg' },
  );
}

function exception(type: string, text: string): Buffer {
  const headers = { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' };
  return message(headers, { message: text });
}

function message(headers: Readonly<Record<string, string>>, payload: object): Buffer {
  const head = Object.entries(headers).map(([name, value]) => {
    const size = Buffer.alloc(2);
    size.writeUInt16BE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), size, Buffer.from(value)]);
  });
  const body = [...head, Buffer.from(JSON.stringify(payload))];
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(16 + Buffer.concat(body).length);
  sizes.writeUInt32BE(Buffer.concat(head).length, 4);
  const all = Buffer.concat([sizes, checksum(sizes), ...body]);
  return Buffer.concat([all, checksum(all)]);
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}
