import { type FoundLink, findLinks, withoutReferences } from './links.ts';

/** Makes links inert in a text that comes piece by piece; see `createInertText`. */
export type InertText = {
  /** Takes a piece and gives back what is ready to be shown. `outside`: a value that an outsider may have written. */
  push(text: string, outside: boolean): string;
  /** Gives back what waited for more: nothing follows, or nothing that could belong to it. */
  end(): string;
};

/** What `createInertText` goes by. */
export type InertSettings = {
  /** Whether links to a host may stay as they are. */
  readonly known: (host: string) => boolean;
  /** Whether every link is in doubt, not only those with a piece from outside in them. */
  readonly doubtful: () => boolean;
};

type Place = { readonly start: number; readonly end: number };
type Change = Place & { readonly text: string };

/** Beyond this and some more, what waits is cut down to it. More than any construct or link has that is looked for. */
const MAX_WAITING = 4096;
const SOME_MORE = 1024;

/**
 * Makes links and images inert that outsiders may have brought, so that no renderer fetches or links them while they stay
 * readable and can be copied: as an inline code span, images without their `!` or tag. Links that the model put together
 * with values from outside count as theirs. What may be the beginning of a link waits for its end, within bounds.
 */
export function createInertText(settings: InertSettings): InertText {
  let waiting = '';
  let outside: Place[] = [];
  /** The longest run of backticks so far: a code span of one more cannot be ended or taken over by what stands before. */
  let ticks = 0;
  /** The last character that was given back. */
  let last = '';

  const take = (length: number): string => {
    const text = waiting.slice(0, length);
    const places = outside.filter(({ start }) => start < length);
    waiting = waiting.slice(length);
    outside = outside
      .filter(({ end }) => end > length)
      .map(({ start, end }) => ({ start: Math.max(0, start - length), end: end - length }));
    for (const [run] of text.matchAll(/`+/g)) ticks = Math.max(ticks, run.length);
    const code = (link: string) => {
      const fence = '`'.repeat(ticks + 1);
      return `${fence}${link.replaceAll('`', "'").replace(/\s+/g, ' ')}${fence}`;
    };
    const shown = inert(text, places, settings, code, { before: last, after: waiting[0] ?? '' });
    last = shown.at(-1) ?? last;
    return shown;
  };

  return {
    push(text, fromOutside) {
      if (fromOutside && text !== '') outside.push({ start: waiting.length, end: waiting.length + text.length });
      waiting += text;
      const ready = readyLength(waiting);
      return take(waiting.length - ready > MAX_WAITING + SOME_MORE ? cutLength(waiting) : ready);
    },
    end: () => take(waiting.length),
  };
}

const SPACE = /\s/;

// A tag, an image, a destination, a definition: complete, or begun at the end of what is there.
const CONSTRUCTS = [
  /<[a-z!/?][^<>]{0,4000}(?:>|$)/gi,
  // Of images one in another the inner one: else each of many would be read to the end.
  /!(?:$|\[(?:(?!!\[)[^\]\n]){0,500}(?:$|\](?:$|\((?:(?!!\[)[^)\n]){0,2000}(?:\)|$))))/g,
  /\]\(\s{0,9}[^\s)]{0,2000}/g,
  /\]:\s{0,9}\S{0,2000}/g,
];

/** Where a text is cut of which too much waits: not inside a link, which could go on with another host. */
function cutLength(text: string): number {
  const cut = text.length - MAX_WAITING;
  const parted = findLinks(text).find(({ start, end }) => start < cut && cut <= end);
  if (parted === undefined) return cut;
  return parted.start === 0 ? parted.end : parted.start;
}

/** How much of a text no link, image or tag can reach into any more that is still coming. */
function readyLength(text: string): number {
  let ready = text.length;
  while (ready > 0 && !SPACE.test(text[ready - 1] as string)) ready--;
  if (!/[<!\]]/.test(text)) return ready;
  const places = CONSTRUCTS.flatMap((one) =>
    [...text.matchAll(one)].map(({ index, 0: found }) => ({ start: index, end: index + found.length })),
  );
  // A construct that reaches to the end may go on; one that the cut would part stays whole.
  for (const { start, end } of places.sort((one, other) => other.start - one.start)) {
    if (start < ready && (end > ready || (end === text.length && !/[)>]$/.test(text)))) ready = start;
  }
  return ready;
}

function inert(
  text: string,
  places: readonly Place[],
  settings: InertSettings,
  code: (link: string) => string,
  around: { readonly before: string; readonly after: string },
): string {
  const doubtful = settings.doubtful();
  if (!doubtful && places.length === 0) return text;
  const inDoubt = ({ start, end }: Place) => doubtful || places.some((one) => start < one.end && one.start < end);
  const away = (link: FoundLink) => !settings.known(link.host);
  const changes: Change[] = [];
  for (const tag of tagsIn(text)) {
    const links = inDoubt(tag) ? linksOfTag(text.slice(tag.start, tag.end)).filter((one) => away(one)) : [];
    if (links.length > 0) changes.push({ ...tag, text: links.map(({ written }) => code(written)).join(' ') });
  }
  for (const place of destinationsIn(text)) {
    const written = text.slice(place.start, place.end).replace(/^<|>$/g, '');
    const read = destination(written);
    // A plain destination is found as the link that it is.
    if (read !== written && inDoubt(place) && findLinks(read).some(away)) changes.push({ ...place, text: code(read) });
  }
  for (const link of findLinks(text)) {
    if (inDoubt(link) && away(link)) changes.push({ ...link, text: code(text.slice(link.start, link.end)) });
  }
  return changed(text, changes, around);
}

/**
 * Applies changes, the first of those that overlap; an image whose destination is changed loses its `!`. Backticks beside
 * a code span would become part of its fence, so a space keeps them apart.
 */
function changed(
  text: string,
  changes: readonly Change[],
  around: { readonly before: string; readonly after: string },
): string {
  let out = '';
  let from = 0;
  const apart = (next: string | undefined) => ((out.at(-1) ?? around.before) === '`' && next === '`' ? ' ' : '');
  for (const { start, end, text: to } of [...changes].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (start < from) continue;
    const before = withoutImageMark(text.slice(from, start));
    if (from > 0) out += apart(before[0]);
    out += before;
    out += apart('`') + to;
    from = end;
  }
  const rest = text.slice(from);
  return from === 0 ? rest : out + apart(rest[0] ?? around.after) + rest;
}

function withoutImageMark(before: string): string {
  return before.replace(/!(\[[^\]\n]{0,500}\]\(\s{0,9}<?)$/, '$1');
}

function tagsIn(text: string): Place[] {
  if (!text.includes('<')) return [];
  return [...text.matchAll(/<[a-z/!?][^<>]{0,4000}(?:>|$)/gi)].map(({ index, 0: tag }) => ({
    start: index,
    end: index + tag.length,
  }));
}

const ATTRIBUTE = /[\s/"'][a-z:_-]{1,40}\s{0,9}=\s{0,9}("[^"]{0,3000}"|'[^']{0,3000}'|[^\s"'>]{1,3000})/gi;

/** The links in a tag's attributes, as a browser reads them. */
function linksOfTag(tag: string): (FoundLink & { readonly written: string })[] {
  return [...tag.matchAll(ATTRIBUTE)].flatMap(([, quoted = '']) => {
    // A browser drops tabs and line breaks in a URL.
    const value = withoutReferences(quoted.replace(/^["']|["']$/g, '')).replace(/[\t\r\n]/g, '');
    return findLinks(value).map((link) => ({ ...link, written: value.slice(link.start, link.end) }));
  });
}

const DESTINATION = /(?:\]\(\s{0,9}|^ {0,3}\[[^\]\n]{1,500}\]:\s{0,9})(<[^<>\n]{1,2000}>|[^\s()<>]{1,2000})/gm;

/** Where the destinations of Markdown's links, images and link definitions stand. */
function destinationsIn(text: string): Place[] {
  if (!text.includes(']')) return [];
  return [...text.matchAll(DESTINATION)].map(({ index, 0: whole, 1: written = '' }) => ({
    start: index + whole.length - written.length,
    end: index + whole.length,
  }));
}

/** A destination as Markdown reads it: character references and backslash escapes undone. */
function destination(written: string): string {
  return withoutReferences(written).replace(/\\([!-/:-@[-`{-~])/g, '$1');
}
