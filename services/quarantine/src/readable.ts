import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import { hasBeyondDouble } from '@sallyport/turn/exact-number';
import { stringify } from 'yaml';

/**
 * The text that a reading model gets of a result: the structured result laid out as YAML, so that texts in it stand with
 * their line breaks and not as escapes, which models copy badly; what is no structured result as it is. A structured
 * result with numbers that no double holds stays as it is too, and so does one beyond `most` bytes: nobody will read it, and
 * a megabyte takes a second to lay out.
 */
export function readableText(content: string, structuredJson: string, most: number): string {
  if (structuredJson === '') return content;
  // YAML is laid out from doubles.
  if (Buffer.byteLength(structuredJson) > most || hasBeyondDouble(structuredJson)) return structuredJson;
  let value: JsonValue;
  try {
    value = parseStrict(structuredJson);
  } catch {
    return content;
  }
  return stringify(value, { lineWidth: 0, blockQuote: 'literal', aliasDuplicateObjects: false });
}
