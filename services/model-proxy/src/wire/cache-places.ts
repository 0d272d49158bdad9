/** A prompt as a provider reads it: tools, then instructions, then the contents of its messages, in blocks. */
export interface Prompt {
  readonly tools: readonly unknown[];
  readonly system: readonly unknown[];
  readonly contents: readonly (readonly unknown[])[];
  /** The model has answered before: what was said until now will be said again. */
  readonly goesOn: boolean;
  /** Whether a mark may stand at a block of system or contents. */
  isMarkable(block: unknown): boolean;
  /** Whether a mark may stand at a tool. */
  isMarkableTool(tool: unknown): boolean;
}

/** A block of a message. */
export type Place = readonly [message: number, block: number];

/** Behind which tool, instruction and blocks a prompt is worth being kept; -1: behind none. */
export interface CachePlaces {
  readonly tool: number;
  readonly system: number;
  readonly blocks: readonly Place[];
}

const BYTES_PER_TOKEN = 4;

/** What a prompt must have in tokens at least to be kept, by the model's name (Anthropic, prompt caching; Bedrock alike). */
const LEAST_TOKENS: readonly (readonly [RegExp, number])[] = [
  [/haiku-4|opus-4-[5-9]/, 4_096],
  [/haiku/, 2_048],
];
const LEAST = 1_024;

/**
 * The places that stay the same from request to request and stand behind enough for the provider to keep it: the last tool,
 * the last instruction, the last long document, and the end of a conversation that goes on. At most four, which is the most
 * that providers take.
 */
export function cachePlaces(model: string, prompt: Prompt): CachePlaces {
  const { tools, system, contents } = prompt;
  const least = BYTES_PER_TOKEN * (LEAST_TOKENS.find(([name]) => name.test(model))?.[1] ?? LEAST);
  const isMarkable = (block: unknown) => prompt.isMarkable(block);
  let before = tools.length === 0 ? 0 : sizeOf(tools);
  const tool = before < least ? -1 : tools.findLastIndex((one) => prompt.isMarkableTool(one));
  if (system.length > 0) before += sizeOf(system);
  const lastSystem = before < least ? -1 : system.findLastIndex(isMarkable);
  const blocks: Place[] = [];
  const document = lastPlace(contents, (block) => isMarkable(block) && sizeOf(block) >= least);
  if (document !== undefined) blocks.push(document);
  const last = contents.length - 1;
  const end = contents[last]?.findLastIndex(isMarkable) ?? -1;
  const isEnough = prompt.goesOn && end >= 0 && before + sizeOf(contents) >= least;
  if (isEnough && !(document?.[0] === last && document[1] === end)) blocks.push([last, end]);
  return { tool, system: lastSystem, blocks };
}

function lastPlace(contents: Prompt['contents'], holds: (block: unknown) => boolean): Place | undefined {
  for (let message = contents.length - 1; message >= 0; message--) {
    const block = contents[message]?.findLastIndex(holds) ?? -1;
    if (block >= 0) return [message, block];
  }
  return undefined;
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}
