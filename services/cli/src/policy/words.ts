import type { OriginFields } from '@sallyport/policy/evaluate';
import type { Leaf } from '@sallyport/policy/rules/provenance';

const LONGEST = 120;

/** Where one value came from, in a few words. */
export function originWords(leaf: Pick<Leaf, 'origin' | 'from' | 'path' | 'label' | 'endorsed'>): string {
  const said = OF[leaf.origin] ?? leaf.origin;
  const of = leaf.from === '' ? '' : ` of ${leaf.from}`;
  const where = leaf.path === '' ? of : `, ${leaf.path}${of}`;
  // The source of a handle or field stands there already.
  const from = leaf.from !== '' || leaf.label.sources.length === 0 ? '' : ` (${leaf.label.sources.join(', ')})`;
  const trust = leaf.label.integrity === 'untrusted' ? `, untrusted${from}` : '';
  return `${said}${where}${trust}${leaf.endorsed ? ', endorsed by a person' : ''}`;
}

const OF: Readonly<Record<string, string>> = {
  typed: 'typed by a human',
  system: 'system text of the application',
  attached: 'attached by the user',
  result: 'shown to the model in a result',
  handle: 'behind a handle, never shown to the model',
  composed: 'composed by the model',
  unknown: 'of unknown origin',
};

/** Origins of a call in one line, for a case that fails. */
export function originsLine(origins: readonly OriginFields[]): string {
  return origins.map(({ pointer, origin, from }) => `${pointer} ${origin}${from ? ` of ${from}` : ''}`).join('; ');
}

/** A value as JSON of bounded length. */
export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
}
