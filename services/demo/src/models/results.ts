/** A value that a gateway keeps from the model: it may be named, not seen. */
export interface Handle {
  readonly $handle: string;
}

/** Tells whether `value` is a handle object such as `{"$handle":"h_1","type":"string"}`. */
export function isHandle(value: unknown): value is Handle {
  return isRecord(value) && typeof value.$handle === 'string';
}

/** Tells whether `value` is a plain JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the shortest form in which a handle may stand in an answer or an argument. */
export function nameHandle(handle: Handle): Handle {
  return { $handle: handle.$handle };
}

/** Writes a value of a tool result into a sentence; handles keep their name so that a gateway can fill them. */
export function speak(value: unknown): string {
  if (isHandle(value)) return JSON.stringify(nameHandle(value));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Parses a tool result as JSON; undefined when it is prose. */
export function parseResult(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What became of a tool call as the model reads it: a refusal has a reason; `skipped` may be tried again. */
export type Outcome = { kind: 'done'; value: unknown } | { kind: 'refused'; reason: string } | { kind: 'skipped' };

/** How a gateway's refusal begins: its code in brackets, as in `[policy_denied] This call is not allowed`. */
const REFUSAL_CODE = /^\s*\[[a-z]+(?:_[a-z]+)+\]/;

const REFUSAL_WORDS = /\b(refused|denied|blocked|not allowed|not permitted|not run|approval)\b/i;

/** Reads a tool result: data, a refusal with its reason, or "not run" (a sibling of a refused call). */
export function outcomeOf(text: string, isError: boolean): Outcome {
  const value = parseResult(text);
  if (value === undefined) {
    const refused = isError || REFUSAL_CODE.test(text) || REFUSAL_WORDS.test(text);
    return refused ? refusalOrSkip(text) : { kind: 'done', value: text };
  }
  const wrapped = unwrap(value);
  if (wrapped !== undefined) return outcomeOf(wrapped.text, isError || wrapped.isError);
  const reason = isRecord(value) ? reasonIn(value) : undefined;
  return reason === undefined && !isError ? { kind: 'done', value } : refusalOrSkip(reason ?? text);
}

/** Takes the payload out of an MCP result that a framework passed on whole: structured content first, else the text of its blocks. */
function unwrap(value: unknown): { text: string; isError: boolean } | undefined {
  const isError = isRecord(value) && value.isError === true;
  if (isRecord(value) && isRecord(value.structuredContent))
    return { text: JSON.stringify(value.structuredContent), isError };
  const blocks = isRecord(value) ? value.content : value;
  if (!Array.isArray(blocks) || blocks.length === 0) return undefined;
  const texts = blocks.map((block) =>
    isRecord(block) && block.type === 'text' && typeof block.text === 'string' ? block.text : undefined,
  );
  return texts.includes(undefined) ? undefined : { text: texts.join('\n'), isError };
}

function refusalOrSkip(reason: string): Outcome {
  return /\bnot[ _]run\b/i.test(reason) ? { kind: 'skipped' } : { kind: 'refused', reason: reason.trim() };
}

function reasonIn(value: Record<string, unknown>): string | undefined {
  const mark = value.error ?? value.refused ?? value.denied ?? value.not_run;
  if (mark === undefined || mark === false || mark === null) return undefined;
  const nested = isRecord(mark) ? (mark.reason ?? mark.message) : mark;
  const reason = typeof nested === 'string' ? nested : (value.reason ?? value.message);
  return typeof reason === 'string' ? reason : JSON.stringify(value);
}

/** Flattens typed fields into `name: value` lines, at most 20, deepest names joined by dots. */
export function describeFields(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => describeFields(item, `${path}[${index + 1}]`)).slice(0, 20);
  if (isRecord(value) && !isHandle(value)) {
    return Object.entries(value)
      .flatMap(([key, item]) => describeFields(item, path === '' ? key : `${path}.${key}`))
      .slice(0, 20);
  }
  return [path === '' ? speak(value) : `${path}: ${speak(value)}`];
}
