import { decodings, type JsonValue } from '@sallyport/turn';

/** The parts of a definition in which a model can be told something. */
export interface DefinitionParts {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonValue;
  readonly outputSchema?: JsonValue;
  readonly annotations?: JsonValue;
}

/** A string of a definition: names of members are among them, since a model reads those too. */
export interface DefinitionText {
  /** JSON pointer of the string, or of the member that it names. */
  readonly at: string;
  readonly text: string;
  /** The text with compatibility forms and other letters of one shape undone, in one line. */
  readonly plain: string;
  /** What it says under encodings, in the same form. */
  readonly hidden: readonly string[];
}

const MIN_ENCODED = 16;

/**
 * All strings of a definition: descriptions, titles, values of enum, const, default and examples, names of properties and
 * of what stands in `$defs`, annotations.
 */
export function definitionTexts(parts: DefinitionParts): DefinitionText[] {
  const found: DefinitionText[] = [];
  const visit = (at: string, value: JsonValue | undefined): void => {
    if (typeof value === 'string') found.push(textAt(at, value));
    else if (Array.isArray(value)) for (const [index, one] of value.entries()) visit(`${at}/${index}`, one);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value)) {
        const place = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        if (at !== '') found.push(textAt(place, key));
        visit(place, child);
      }
    }
  };
  visit('', { ...parts } as JsonValue);
  return found;
}

function textAt(at: string, text: string): DefinitionText {
  const hidden = text.length < MIN_ENCODED ? [] : decodings(text).map(plainOf);
  return { at, text, plain: plainOf(text), hidden };
}

function plainOf(text: string): string {
  return text.normalize('NFKC').replace(/\s+/g, ' ');
}
