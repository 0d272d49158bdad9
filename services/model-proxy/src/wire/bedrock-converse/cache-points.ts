import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { cachePlaces } from '../cache-places.ts';

/** Claude from 3.5 on and Nova keep prompts; other models refuse a request with a mark (Amazon Bedrock, prompt caching). */
const KEEPS = /claude-(?!3-(?:opus|sonnet|haiku)|v2|2|instant)|nova-(?:micro|lite|pro|premier)/;

/**
 * Sets cache points behind what is worth being kept, see `cachePlaces`, where the model keeps prompts. A request with a point of
 * its own keeps it and gets no others. The body itself is not changed.
 */
export function withCachePoints(body: JsonObject, name: string, { ttl }: { readonly ttl: '5m' | '1h' }): JsonObject {
  const model = name.toLowerCase();
  if (!KEEPS.test(model) || isMarked(body)) return body;
  const isClaude = model.includes('claude');
  const point = { cachePoint: { type: 'default', ...(ttl === '1h' && isClaude ? { ttl } : {}) } };
  const toolConfig = asObject(body.toolConfig);
  const tools = asArray(toolConfig?.tools);
  const system = asArray(body.system);
  const messages = asArray(body.messages);
  const contents = messages.map((message) => asArray(asObject(message)?.content));
  const places = cachePlaces(model, {
    tools,
    system,
    contents,
    goesOn: messages.some((message) => asObject(message)?.role === 'assistant'),
    isMarkable: (block) => isObject(block) && block.reasoningContent === undefined && asString(block.text) !== '',
    // Nova keeps no tools.
    isMarkableTool: () => isClaude,
  });
  const marked: JsonObject = { ...body };
  if (places.tool >= 0) marked.toolConfig = { ...toolConfig, tools: withPoint(tools, places.tool, point) };
  if (places.system >= 0) marked.system = withPoint(system, places.system, point);
  if (places.blocks.length > 0) {
    const changed = [...messages];
    // From the end, so that a point moves no place that is still to come.
    for (const [message, block] of [...places.blocks].reverse()) {
      contents[message] = withPoint(contents[message] ?? [], block, point);
      changed[message] = { ...(asObject(messages[message]) ?? {}), content: contents[message] };
    }
    marked.messages = changed;
  }
  return marked;
}

function withPoint(blocks: readonly unknown[], at: number, point: JsonObject): unknown[] {
  return [...blocks.slice(0, at + 1), point, ...blocks.slice(at + 1)];
}

function isMarked(body: JsonObject): boolean {
  const isPoint = (block: unknown) => isObject(block) && block.cachePoint !== undefined;
  const lists = [
    asObject(body.toolConfig)?.tools,
    body.system,
    ...asArray(body.messages).map((one) => asObject(one)?.content),
  ];
  return lists.some((list) => asArray(list).some(isPoint));
}
