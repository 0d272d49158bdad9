import type { Source } from '../../chat/cited.ts';
import { asArray, asObject, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';

/**
 * A page of the web as a text's citation. Anthropic seals where its own search found something, and wants that back with the
 * conversation; of a page that another model found there is nothing sealed, so the seal is empty.
 */
export function citationOf({ url, title }: Source): JsonObject {
  return { type: 'web_search_result_location', url, title: title ?? null, cited_text: '', encrypted_index: '' };
}

/** True for a citation that Anthropic did not make, or not as it came back: it would refuse the request for it. */
export function isUnsealed(citation: unknown): boolean {
  const { type, encrypted_index: seal, url } = asObject(citation) ?? {};
  if (type !== 'web_search_result_location') return false;
  return seal === '' || (typeof url === 'string' && url.startsWith('`'));
}

/** True where a text block of a history carries such a citation. */
export function hasUnsealed({ citations }: JsonObject): boolean {
  return Array.isArray(citations) && citations.some(isUnsealed);
}

/** Messages without the citations that Anthropic did not make. */
export function sealedOnly(messages: readonly unknown[]): unknown[] {
  return messages.map((message) => {
    if (!isObject(message) || message.role !== 'assistant' || !Array.isArray(message.content)) return message;
    const content: unknown[] = message.content.map((block: unknown) =>
      isObject(block) && hasUnsealed(block) ? withSealed(block) : block,
    );
    return { ...message, content };
  });
}

function withSealed({ citations, ...block }: JsonObject): JsonObject {
  const sealed = asArray(citations).filter((one) => !isUnsealed(one));
  return sealed.length > 0 ? { ...block, citations: sealed } : block;
}
