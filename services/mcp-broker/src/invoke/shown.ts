import { escapeHandles, escapeHandlesIn, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { ToolAnswer } from '../upstream/connection.ts';

/** Member under which a typed answer of quarantine stands in `structuredContent`; see `exposedOutputSchema`. */
export const QUARANTINED = 'sallyport.dev/quarantined';

/** A result as a client sees it. */
export interface Shown {
  readonly result: ToolAnswer;
  /** All text of it, as a model-plane client would hand it on. */
  readonly text: string;
  /** Structured content as JSON; '' for none. */
  readonly structuredJson: string;
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
  const texts = content.map((block) =>
    block.type === 'text' && typeof block.text === 'string' ? block.text : JSON.stringify(block),
  );
  return { result, text: texts.join('\n') || escapeHandles(structuredJson), structuredJson };
}

/** What quarantine answered about a result. */
export function shownReading(answerJson: string, structured: boolean): Shown {
  return {
    result: {
      content: [{ type: 'text', text: answerJson }],
      ...(structured ? { structuredContent: { [QUARANTINED]: JSON.parse(answerJson) } } : {}),
      isError: false,
    },
    text: answerJson,
    structuredJson: '',
  };
}

/** Words of the gate itself, for a refusal. */
export function shownWords(text: string): Shown {
  return { result: { content: [{ type: 'text', text }], isError: true }, text, structuredJson: '' };
}
