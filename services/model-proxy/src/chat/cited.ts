import type { AssistantContent, Extra, JsonObject, TextBlock } from './message.ts';
import type { StreamEvent } from './stream.ts';

/** A page of the web that an answer names as where it found something. */
export interface Source {
  readonly url: string;
  readonly title?: string;
}

/** Kind of the blocks by which Anthropic's dialect cites something for the text before them. */
export const CITATION = 'citation';

/** Puts a citation of Anthropic's dialect onto the last text of a content; without a text there is nothing that it is for. */
export function addCitation(content: readonly AssistantContent[], citation: JsonObject): void {
  const text = content.findLast((block) => block.type === 'text');
  if (text === undefined) return;
  const known = CITED.get(text);
  if (known !== undefined && citationsOf(text) === known) return void known.push(citation);
  cite(text, [citation]);
  CITED.set(text, citationsOf(text) as JsonObject[]);
}

/** Citations of texts that get them one by one: a list that is copied for each takes the square of their number. */
const CITED = new WeakMap<TextBlock, JsonObject[]>();

/** Puts citations of Anthropic's dialect onto a text, behind those that it has. */
export function cite(text: TextBlock, citations: readonly JsonObject[]): void {
  const own = text.extra?.['anthropic-messages'];
  const all = [...citationsOf(text), ...citations];
  text.extra = { ...text.extra, 'anthropic-messages': { ...own, citations: all } };
}

/** The citations of Anthropic's dialect on a text. */
export function citationsOf({ extra }: TextBlock): readonly JsonObject[] {
  const citations = extra?.['anthropic-messages']?.citations;
  return Array.isArray(citations) ? (citations as JsonObject[]) : [];
}

/** Sources as a dialect tells them: fields beside the answer, or blocks after its text. */
export interface Cited {
  readonly extra?: Extra;
  readonly events?: readonly Extract<StreamEvent, { type: 'opaque' }>[];
}
