import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { cachePlaces } from '../cache-places.ts';

/** How marks are set; `ttl` is how long the provider keeps what stands before them. */
export interface CacheMarks {
  readonly ttl: '5m' | '1h';
}

/** Blocks that carry no mark. */
const UNMARKABLE = new Set(['thinking', 'redacted_thinking']);

/**
 * Marks what is worth being kept, see `cachePlaces`. A request with a mark of its own keeps it and gets no others: a shorter
 * life before a longer one is an error there. The body itself is not changed.
 */
export function withCacheMarks(body: JsonObject, { ttl }: CacheMarks): JsonObject {
  if (isMarked(body)) return body;
  const mark = ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
  const tools = asArray(body.tools);
  const system = blocksOf(body.system);
  const messages = asArray(body.messages);
  const contents = messages.map((message) => blocksOf(asObject(message)?.content));
  const places = cachePlaces(asString(body.model) ?? '', {
    tools,
    system,
    contents,
    goesOn: messages.some((message) => asObject(message)?.role === 'assistant'),
    isMarkable: (block) => isObject(block) && !UNMARKABLE.has(asString(block.type) ?? '') && block.text !== '',
    isMarkableTool: (tool) => isObject(tool) && tool.defer_loading !== true,
  });
  const marked: JsonObject = { ...body };
  if (places.tool >= 0) marked.tools = withMark(tools, places.tool, mark);
  if (places.system >= 0) marked.system = withMark(system, places.system, mark);
  if (places.blocks.length > 0) {
    const changed = [...messages];
    for (const [message, block] of places.blocks) {
      contents[message] = withMark(contents[message] ?? [], block, mark);
      changed[message] = { ...(asObject(messages[message]) ?? {}), content: contents[message] };
    }
    marked.messages = changed;
  }
  return marked;
}

/** A content as blocks; a text that is one string becomes one. */
function blocksOf(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return asArray(content);
}

function withMark(blocks: readonly unknown[], at: number, mark: JsonObject): unknown[] {
  return blocks.map((block, index) => (index === at ? { ...asObject(block), cache_control: mark } : block));
}

function isMarked(body: JsonObject): boolean {
  const isOwn = (block: unknown): boolean =>
    isObject(block) && (block.cache_control != null || asArray(block.content).some(isOwn));
  return isOwn(body) || [body.tools, body.system, body.messages].some((list) => asArray(list).some(isOwn));
}
