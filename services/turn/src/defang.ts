import type { JsonValue } from './canonical-json.ts';
import { isExactNumber } from './exact-number.ts';
import type { FilledHandle } from './handle-fill.ts';
import { childPointer } from './json-pointer.ts';
import { type FoundLink, findLinks, withoutReferences } from './links.ts';

/** Arguments with the links of untrusted values made inert, and how many were. */
export type Defanged = { readonly value: JsonValue; readonly count: number };

/** What `defangArguments` goes by. */
export type DefangSettings = {
  /** Handles that were filled, with their places: `fillArguments`. */
  readonly filled: readonly FilledHandle[];
  /** Whether a host was typed, is trusted or was endorsed. */
  readonly known: (host: string) => boolean;
  /** Whether a whole leaf may hold untrusted words, also where no handle stands in it; `''`: all of them may. */
  readonly doubtful: (pointer: string) => boolean;
};

/**
 * Makes links inert that untrusted values bring into the content of a call: `hxxps://`, `www[.]evil[.]com`. A leaf that is
 * nothing but one link is a destination, which rules decide on, and stays as it is.
 */
export function defangArguments(args: JsonValue, settings: DefangSettings): Defanged {
  let count = 0;
  const visit = (value: JsonValue, pointer: string): JsonValue => {
    if (typeof value === 'string') {
      const done = defangLeaf(value, pointer, settings);
      count += done.count;
      return done.value;
    }
    if (value === null || typeof value !== 'object' || isExactNumber(value)) return value;
    if (Array.isArray(value)) return value.map((child, index) => visit(child, childPointer(pointer, index)));
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, visit(child, childPointer(pointer, key))]),
    );
  };
  return { value: visit(args, ''), count };
}

function defangLeaf(text: string, pointer: string, settings: DefangSettings): { value: string; count: number } {
  const places = settings.filled.filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`));
  const doubtful = settings.doubtful(pointer) || settings.doubtful('');
  if (places.length === 0 && !doubtful) return { value: text, count: 0 };
  const everywhere = doubtful || places.some(({ range }) => range === undefined);
  const fromOutside = ({ start, end }: FoundLink): boolean =>
    everywhere || places.some(({ range }) => range !== undefined && start < range[1] && range[0] < end);
  const plain = withoutReferences(text);
  const links = findLinks(text);
  if (isOneLink(text, links)) return { value: text, count: 0 };
  const bad = links.filter((one) => fromOutside(one) && !settings.known(one.host));
  // References may hide what makes a link one: where they do, the text is sent as a reader would see it.
  const hidden = plain === text ? [] : findLinks(plain).filter((one) => !settings.known(one.host));
  if (hidden.length > bad.length) return { value: inert(plain, hidden), count: hidden.length };
  return bad.length === 0 ? { value: text, count: 0 } : { value: inert(text, bad), count: bad.length };
}

function isOneLink(text: string, links: readonly FoundLink[]): boolean {
  const [only] = links;
  return only !== undefined && links.length === 1 && only.start === 0 && only.end === text.trimEnd().length;
}

function inert(text: string, links: readonly FoundLink[]): string {
  let out = '';
  let from = 0;
  for (const { start, end } of links) {
    out += `${text.slice(from, start)}${defanged(text.slice(start, end))}`;
    from = end;
  }
  return out + text.slice(from);
}

/** One link as no program links it: its scheme misspelt, the dots of its host in brackets. */
export function defanged(link: string): string {
  const scheme = /^[a-z][a-z0-9+.-]{1,20}:(?!\d)/i.exec(link)?.[0] ?? '';
  const rest = link.slice(scheme.length);
  const [host = ''] = /^[/\\]{0,9}[^/\\?#]*/.exec(rest) ?? [];
  const path = rest.slice(host.length).replace(/http(s?):(?=[/\\])/gi, 'hxxp$1:');
  return `${misspelt(scheme)}${host.replaceAll('.', '[.]')}${path}`;
}

function misspelt(scheme: string): string {
  if (scheme === '') return '';
  const http = /^http(s?):$/i.exec(scheme);
  return http ? `hxxp${http[1]}:` : `${scheme.slice(0, -1)}[:]`;
}
