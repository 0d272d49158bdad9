import type { Source } from '../chat/cited.ts';
import { asArray, asObject, asString } from '../chat/json.ts';
import type { AssistantContent, JsonObject } from '../chat/message.ts';

import { ANNOTATION } from './openai-responses/items.ts';

const MAX_SOURCES = 64;
const MAX_URL = 4_096;
const MAX_TITLE = 512;

/** Sources without those that are named twice; what is no web address is none. */
export function uniqueSources(named: readonly { readonly url: unknown; readonly title?: unknown }[]): Source[] {
  const found = new Map<string, Source>();
  for (const { url, title } of named) {
    if (typeof url !== 'string' || url.length > MAX_URL || !/^https?:\/\//i.test(url)) continue;
    if (found.size >= MAX_SOURCES || (found.get(url)?.title ?? '') !== '') continue;
    const words = asString(title)?.slice(0, MAX_TITLE);
    found.set(url, { url, ...(words ? { title: words } : {}) });
  }
  return [...found.values()];
}

/** The sources that an OpenAI-like body or chunk lists beside its text, as Perplexity's do, and those in annotations. */
export function listedSources({ citations, search_results: results }: JsonObject, annotations: unknown): Source[] {
  const asUrl = (one: unknown) => (typeof one === 'string' ? { url: one } : { url: undefined, ...asObject(one) });
  const cited = asArray(annotations).map((one) => ({ url: undefined, ...asObject(asObject(one)?.url_citation) }));
  return uniqueSources([...asArray(results).map(asUrl), ...asArray(citations).map(asUrl), ...cited]);
}

/** The pages among the citations of Anthropic's text blocks. */
export function citedSources(citations: readonly unknown[]): Source[] {
  return uniqueSources(citations.map((one) => ({ url: asObject(one)?.url, title: asObject(one)?.title })));
}

/** The documents with an address among Cohere's citations. */
export function documentSources(citations: readonly unknown[]): Source[] {
  const documents = citations.flatMap((one) => asArray(asObject(one)?.sources)).map((one) => asObject(one)?.document);
  return uniqueSources(documents.map((one) => ({ url: asObject(one)?.url, title: asObject(one)?.title })));
}

/** The sources that stand in the content of an answer, in whichever dialect it was written. */
export function sourcesIn(content: readonly AssistantContent[]): Source[] {
  return uniqueSources(
    content.flatMap((block): { url: unknown; title?: unknown }[] => {
      if (block.type === 'text') {
        const ofAnthropic = asArray(block.extra?.['anthropic-messages']?.citations);
        const ofCohere = asArray(block.extra?.cohere?.citations);
        return [...citedSources(ofAnthropic), ...documentSources(ofCohere)];
      }
      if (block.type !== 'opaque') return [];
      if (block.kind === ANNOTATION) return [{ url: block.value.url, title: block.value.title }];
      if (block.kind !== 'groundingMetadata') return [];
      const webs = asArray(block.value.groundingChunks).map((one) => asObject(asObject(one)?.web));
      return webs.map((web) => ({ url: web?.uri, title: web?.title }));
    }),
  );
}
