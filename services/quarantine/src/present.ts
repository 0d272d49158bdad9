import { randomBytes } from 'node:crypto';
import { type Handle, handle } from '@sallyport/turn/handle';
import { pointerTokens } from '@sallyport/turn/json-pointer';
import type { AnswerItem } from './answer.ts';
import type { Pointers } from './pointers.ts';
import type { Question } from './question.ts';

/** A value that is kept behind a handle. */
export interface HandleRecord {
  /** `h_` and 128 random bits. */
  readonly id: string;
  readonly value: string;
  readonly from: string;
  /**
   * JSON pointer into the tool's structured result, or into the answer where the value does not stand in that. For the
   * gate's own use: the model is shown it only where it holds no word of the content.
   */
  readonly path: string;
}

/** An answer as the privileged model sees it, and what stands behind its handles. */
export interface Presentation {
  readonly answerJson: string;
  readonly handles: readonly HandleRecord[];
}

/** Puts a handle in place of each string; enum, number, boolean, date and null stay plain (DESIGN §5). */
export function present(
  question: Question,
  items: readonly AnswerItem[],
  tool: string,
  pointers: Pointers,
  newId: () => string = newHandleId,
): Presentation {
  const handles: HandleRecord[] = [];
  const strings = new Set(question.fields.filter((field) => field.type === 'String').map((field) => field.name));
  const names = new Set(question.fields.map((field) => field.name));
  const shown = items.map((item, index) => {
    const members = Object.entries(item).map(([name, value]): [string, AnswerItem[string] | Handle] => {
      if (!strings.has(name) || typeof value !== 'string') return [name, value];
      const inAnswer = question.list ? `/${index}/${name}` : `/${name}`;
      const path = pointers.find(name, value) ?? inAnswer;
      const record = { id: newId(), value, from: tool, path };
      handles.push(record);
      return [name, handle(record.id, tool, isShowable(path, names) ? path : inAnswer)];
    });
    return Object.fromEntries(members);
  });
  return { answerJson: JSON.stringify(question.list ? shown : shown[0]), handles };
}

// Keys of a result may be chosen by whoever wrote it: only indices and the question's own words are shown to the model.
function isShowable(path: string, names: ReadonlySet<string>): boolean {
  return pointerTokens(path).every((token) => /^\d{1,6}$/.test(token) || names.has(token));
}

function newHandleId(): string {
  return `h_${randomBytes(16).toString('base64url')}`;
}
