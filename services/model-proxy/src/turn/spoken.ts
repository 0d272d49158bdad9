import { CITATION } from '../chat/cited.ts';
import type { FrontDialect } from '../chat/message.ts';
import type { StreamEvent } from '../chat/stream.ts';

/** The assistant's words as the client was shown them, in the blocks in which its dialect will send them back. */
export interface Spoken {
  /** Takes an event that was shown; words of further answers (`n`) are not kept. */
  add(event: StreamEvent): void;
  /** Texts, as `RequestFacts.assistant` will list them. */
  texts(): string[];
  /** Those since the last result that was shown among them. */
  last(): string[];
  /** Reasoning in plain and encrypted form, likewise. */
  reasoning(): string[];
}

interface Part {
  readonly kind: 'text' | 'refusal' | 'reasoning' | 'redacted' | 'cut';
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
  #isCut = false;

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
        return void this.#say(this.#dialect.startsWith('openai-') ? 'refusal' : 'text', event.delta);
      case 'reasoning':
        return void this.#say('reasoning', event.delta);
      case 'redacted':
        this.#say('redacted', event.data);
        this.#open = false;
        return;
      case 'signature':
        // OpenAI's holds the reasoning itself.
        if (this.#dialect === 'openai-responses') this.#say('redacted', event.signature);
        this.#open = false;
        return;
      case 'opaque':
        // It stands on the text, which goes on behind it.
        if (event.kind === CITATION) return;
        this.#open = false;
        // What comes after a result comes back as another message.
        if (event.kind === 'mcp_call') this.#cut();
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
    if (!this.#isWhole()) return nonEmpty(this.#each('text'));
    if (!this.#isCut) return nonEmpty([this.#joined('text'), this.#joined('refusal')]);
    const texts: string[] = [];
    for (let from = 0; ; ) {
      const cut = this.#parts.findIndex(({ kind }, at) => at >= from && kind === 'cut');
      const to = cut === -1 ? this.#parts.length : cut;
      texts.push(this.#joined('text', from, to), this.#joined('refusal', from, to));
      if (cut === -1) return nonEmpty(texts);
      from = cut + 1;
    }
  }

  last(): string[] {
    if (!this.#isCut) return this.texts();
    const from = this.#parts.findLastIndex(({ kind }) => kind === 'cut') + 1;
    return nonEmpty([this.#joined('text', from), this.#joined('refusal', from)]);
  }

  reasoning(): string[] {
    if (!this.#parts.some(({ kind }) => kind === 'reasoning' || kind === 'redacted')) return [];
    const each = this.#each('reasoning', 'redacted');
    return nonEmpty(this.#isWhole() ? [this.#joined('reasoning'), ...each] : each);
  }

  #isWhole(): boolean {
    return this.#dialect !== 'anthropic-messages';
  }

  #cut(): void {
    this.#isCut = true;
    this.#parts.push({ kind: 'cut', text: '' });
  }

  #say(kind: Part['kind'], text: string): void {
    if (text === '') return;
    const last = this.#parts.at(-1);
    if (this.#open && last?.kind === kind) last.text += text;
    else this.#parts.push({ kind, text });
    this.#open = true;
  }

  #joined(kind: Part['kind'], from = 0, to = this.#parts.length): string {
    let text = '';
    for (let at = from; at < to; at += 1) {
      const part = this.#parts[at];
      if (part?.kind === kind) text += part.text;
    }
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
