import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { escapeHandles, escapeHandlesIn, isJsonObject, type JsonValue, parseExact } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { ToolAnswer } from '../upstream/connection.ts';

/** Member under which an answer of quarantine that is no object stands in `structuredContent`. */
export const QUARANTINED = 'sallyport.dev/quarantined';

/** A result as a client sees it. */
export interface Shown {
  readonly result: ToolAnswer;
  /** All text of it, as a model-plane client would hand it on. */
  readonly text: string;
  /** Structured content as JSON; '' for none. */
  readonly structuredJson: string;
  /** Of what quarantine shows: values in plain that nobody outside can have written. */
  readonly trusted?: readonly PlacedValue[];
  /** Of what quarantine shows: the result itself, for fingerprints of its values alone. */
  readonly unread?: { readonly text: string; readonly structuredJson: string };
}

/** A tool whose result is shown, as far as that is remembered. */
export interface ShownTool {
  readonly exposedName: string;
  readonly server: { readonly uid: string; readonly name: string };
  readonly definition: { readonly name: string };
}

/** A value and its JSON pointer in the structured result. */
export interface PlacedValue {
  readonly path: string;
  readonly value: JsonValue;
}

/** What a tool gave, with everything broken up that looks like a handle: nobody but the gate names handles. */
export function shownAnswer(answer: ToolAnswer): Shown {
  const content = answer.content.map((block) => escapeHandlesIn(block) as JsonObject);
  const structured = answer.structuredContent as JsonValue | undefined;
  const result: ToolAnswer = {
    content,
    ...(structured === undefined ? {} : { structuredContent: escapeHandlesIn(structured) }),
    isError: answer.isError,
  };
  const structuredJson = structured === undefined ? '' : JSON.stringify(structured);
  const texts = content.map(textOf);
  return { result, text: texts.join('\n') || escapeHandles(structuredJson), structuredJson };
}

/** The text of a block, or of the resource that it embeds, which is what clients hand on of it; else the block as JSON. */
function textOf(block: JsonObject): string {
  if (block.type === 'text' && typeof block.text === 'string') return block.text;
  const { resource } = block;
  const embedded = block.type === 'resource' && typeof resource === 'object' && resource !== null ? resource : {};
  return 'text' in embedded && typeof embedded.text === 'string' ? embedded.text : JSON.stringify(block);
}

/**
 * What quarantine shows of a result. `structuredContent` is the shown document itself where it is an object, as all
 * revisions up to 2025-11-25 demand; another answer (a list of typed answers) stands under `QUARANTINED`. A tool with an
 * output schema must give structured content that fits the listed schema, so it is not left out: the list says that the
 * result may also be what the gate shows (`clientOutputSchema`).
 */
export function shownReading({ answerJson, trusted }: Pick<ExtractResponse, 'answerJson' | 'trusted'>): Shown {
  const shown = parseExact(answerJson) as JsonValue;
  const isObject = isJsonObject(shown);
  return {
    result: {
      content: [{ type: 'text', text: answerJson }],
      structuredContent: isObject ? shown : { [QUARANTINED]: shown },
      isError: false,
    },
    text: answerJson,
    structuredJson: '',
    trusted: trusted.map(({ path, valueJson }) => ({ path, value: parseExact(valueJson) as JsonValue })),
  };
}

/** Words of the gate itself, for a refusal. */
export function shownWords(text: string): Shown {
  return { result: { content: [{ type: 'text', text }], isError: true }, text, structuredJson: '' };
}
