import { blocksOf, blockText, type JsonValue } from '@sallyport/turn';

/** What is left of a result when the wrapping of a framework is taken off. */
export interface Unwrapped {
  /** What the broker must have given, each part for itself. */
  readonly parts: readonly JsonValue[];
  /** The parts as one text: all that a model reads of the result, since the wrapping could say anything. */
  readonly text: string;
}

/** More parts than this no framework makes of one result. */
const MAX_PARTS = 8;

/**
 * Takes off what agent frameworks put around a tool's result before they hand it to a model: the JSON of one text block, of
 * a list of them, or of a whole MCP result. Undefined where there is nothing to take off.
 */
export function unwrap(text: string): Unwrapped | undefined {
  const parts = new Map(blocksOf(text).map((block) => [blockText(block), block]));
  if (parts.size === 0 || parts.size > MAX_PARTS || parts.has(blockText(text))) return undefined;
  const blocks = [...parts.values()];
  return {
    parts: blocks,
    text: blocks.map((block) => (typeof block === 'string' ? block : JSON.stringify(block))).join('\n'),
  };
}
