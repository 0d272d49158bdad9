import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';

/** How marks are set; `ttl` is how long the provider keeps what stands before them. */
export interface CacheMarks {
  readonly ttl: '5m' | '1h';
}

const BYTES_PER_TOKEN = 4;

/** What a prompt must have in tokens at least to be kept, by the model's name at the provider (Anthropic, prompt caching). */
const LEAST_TOKENS: readonly (readonly [RegExp, number])[] = [
  [/haiku-4|opus-4-[5-9]/, 4_096],
  [/haiku/, 2_048],
];
const LEAST = 1_024;

/** Blocks that carry no mark. */
const UNMARKABLE = new Set(['thinking', 'redacted_thinking']);

/**
 * Marks what stays the same from request to request, where it is long enough for the provider to keep it: the tools, the
 * instructions, the last long document, and the end of a conversation that goes on. That makes four, which is the most that
 * the provider takes. A request with a mark of its own keeps it and gets no others: a shorter life before a longer one is an
 * error there. The body itself is not changed.
 */
export function withCacheMarks(body: JsonObject, { ttl }: CacheMarks): JsonObject {
  if (isMarked(body)) return body;
  const mark = ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
  const model = asString(body.model) ?? '';
  const least = BYTES_PER_TOKEN * (LEAST_TOKENS.find(([name]) => name.test(model))?.[1] ?? LEAST);
  const marked: JsonObject = { ...body };
  const tools = asArray(body.tools);
  const messages = asArray(body.messages);
  let before = tools.length === 0 ? 0 : sizeOf(tools);
  const lastTool = tools.findLastIndex((tool) => isObject(tool) && tool.defer_loading !== true);
  if (before >= least && lastTool >= 0) marked.tools = withMark(tools, lastTool, mark);
  const system = blocksOf(body.system);
  const lastSystem = lastMarkable(system);
  if (lastSystem >= 0) {
    before += sizeOf(system);
    if (before >= least) marked.system = withMark(system, lastSystem, mark);
  }
  const contents = messages.map((message) => blocksOf(asObject(message)?.content));
  const places = [lastDocument(contents, least)];
  const goesOn = messages.some((message) => asObject(message)?.role === 'assistant');
  if (goesOn && before + sizeOf(messages) >= least) places.push(lastPlace(contents));
  const changed = [...messages];
  for (const place of places) {
    if (place === undefined) continue;
    const [message, block] = place;
    contents[message] = withMark(contents[message] ?? [], block, mark);
    changed[message] = { ...(asObject(messages[message]) ?? {}), content: contents[message] };
    marked.messages = changed;
  }
  return marked;
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}

/** A content as blocks; a text that is one string becomes one. */
function blocksOf(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return asArray(content);
}

function isMarkable(block: unknown): boolean {
  return isObject(block) && !UNMARKABLE.has(asString(block.type) ?? '') && block.text !== '';
}

function lastMarkable(blocks: readonly unknown[]): number {
  return blocks.findLastIndex(isMarkable);
}

function withMark(blocks: readonly unknown[], at: number, mark: JsonObject): unknown[] {
  return blocks.map((block, index) => (index === at ? { ...asObject(block), cache_control: mark } : block));
}

type Place = readonly [message: number, block: number];

/** The last block that is long enough by itself, as documents are. */
function lastDocument(contents: readonly (readonly unknown[])[], least: number): Place | undefined {
  for (let message = contents.length - 1; message >= 0; message--) {
    const block = (contents[message] ?? []).findLastIndex((one) => isMarkable(one) && sizeOf(one) >= least);
    if (block >= 0) return [message, block];
  }
  return undefined;
}

function lastPlace(contents: readonly (readonly unknown[])[]): Place | undefined {
  const message = contents.length - 1;
  const block = lastMarkable(contents[message] ?? []);
  return block < 0 ? undefined : [message, block];
}

function isMarked(body: JsonObject): boolean {
  const isOwn = (block: unknown): boolean =>
    isObject(block) && (block.cache_control != null || asArray(block.content).some(isOwn));
  return isOwn(body) || [body.tools, body.system, body.messages].some((list) => asArray(list).some(isOwn));
}
