import type { FrontDialect } from '../chat/message.ts';
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
 * Collects what is spoken. Messages send texts and reasoning back block by block, the other dialects as one string each, or
 * in pieces that are put together again: digests are taken of what will come back (DESIGN section 5).
 */
export function createSpoken(dialect: FrontDialect): Spoken {
  return new SpokenParts(dialect);
}

class SpokenParts implements Spoken {
  readonly #dialect: FrontDialect;
  readonly #parts: Part[] = [];
  #open = false;

  constructor(dialect: FrontDialect) {
    this.#dialect = dialect;
  }

  add(event: StreamEvent): void {
    if ('choice' in event && event.choice !== undefined) return;
    switch (event.type) {
      case 'text':
        return void this.#say('text', event.delta);
      case 'refusal':
        // The others have no refusals: they are written as text, in the block that is open.
        return void this.#say(this.#dialect === 'openai-chat' ? 'refusal' : 'text', event.delta);
      case 'reasoning':
        return void this.#say('reasoning', event.delta);
      case 'redacted':
        this.#say('redacted', event.data);
        this.#open = false;
        return;
      case 'start':
      case 'usage':
      case 'finish':
      case 'error':
        return;
      default:
        this.#open = false;
    }
  }

  texts(): string[] {
    if (this.#isWhole()) return nonEmpty([this.#joined('text'), this.#joined('refusal')]);
    return nonEmpty(this.#each('text'));
  }

  reasoning(): string[] {
    const each = this.#each('reasoning', 'redacted');
    return nonEmpty(this.#isWhole() ? [this.#joined('reasoning'), ...each] : each);
  }

  #isWhole(): boolean {
    return this.#dialect !== 'anthropic-messages';
  }

  #say(kind: Part['kind'], text: string): void {
    if (text === '') return;
    const last = this.#parts.at(-1);
    if (this.#open && last?.kind === kind) last.text += text;
    else this.#parts.push({ kind, text });
    this.#open = true;
  }

  #joined(kind: Part['kind']): string {
    let text = '';
    for (const part of this.#parts) if (part.kind === kind) text += part.text;
    return text;
  }

  #each(...kinds: Part['kind'][]): string[] {
    const texts: string[] = [];
    for (const part of this.#parts) if (kinds.includes(part.kind)) texts.push(part.text);
    return texts;
  }
}

function nonEmpty(texts: readonly string[]): string[] {
  return texts.filter((text) => text.trim() !== '');
}
