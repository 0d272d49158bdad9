import type { Dialect } from '../chat/message.ts';
import type { StreamEvent } from '../chat/stream.ts';

/** The assistant's words as the client was shown them, in the blocks in which its dialect will send them back. */
export interface Spoken {
  /** Takes an event that was shown; words of further answers (`n`) are not kept. */
  add(event: StreamEvent): void;
  /** Texts, as `RequestFacts.assistant` will list them. */
  texts(): string[];
  /** Reasoning in plain and encrypted form, likewise. */
  reasoning(): string[];
}

interface Part {
  readonly kind: 'text' | 'refusal' | 'reasoning' | 'redacted';
  text: string;
}

/**
 * Collects what is spoken. Chat completions send texts and reasoning back as one string each, messages block by block:
 * digests are taken of what will come back (DESIGN section 5).
 */
export function createSpoken(dialect: Dialect): Spoken {
  const parts: Part[] = [];
  let open = false;
  const say = (kind: Part['kind'], text: string) => {
    if (text === '') return;
    const last = parts.at(-1);
    if (open && last?.kind === kind) last.text += text;
    else parts.push({ kind, text });
    open = true;
  };
  const joined = (...kinds: Part['kind'][]) =>
    parts.map((part) => (kinds.includes(part.kind) ? part.text : '')).join('');
  const each = (...kinds: Part['kind'][]) => parts.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text);
  const nonEmpty = (texts: readonly string[]) => texts.filter((text) => text.trim() !== '');
  return {
    add(event) {
      if ('choice' in event && event.choice !== undefined) return;
      switch (event.type) {
        case 'text':
          return say('text', event.delta);
        case 'refusal':
          // Messages have no refusals: they are written as text, in the block that is open.
          return say(dialect === 'openai-chat' ? 'refusal' : 'text', event.delta);
        case 'reasoning':
          return say('reasoning', event.delta);
        case 'redacted':
          say('redacted', event.data);
          open = false;
          return;
        case 'start':
        case 'usage':
        case 'finish':
        case 'error':
          return;
        default:
          open = false;
      }
    },
    texts: () => nonEmpty(dialect === 'openai-chat' ? [joined('text'), joined('refusal')] : each('text')),
    reasoning: () =>
      nonEmpty([...(dialect === 'openai-chat' ? [joined('reasoning')] : []), ...each('reasoning', 'redacted')]),
  };
}
