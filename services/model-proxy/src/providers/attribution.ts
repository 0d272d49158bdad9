import type { JsonObject } from '../chat/message.ts';

/** What a gateway at the provider may be told of who asks. The trajectory is not among it: it never leaves. */
export interface AttributedFacts {
  readonly user?: string;
  readonly customer?: string;
  readonly teams?: readonly string[];
  /** Id of the virtual key. */
  readonly key?: string;
  readonly tags?: readonly string[];
}

type Fact = keyof AttributedFacts;

/** The fields of a gateway's own in which it takes who is to bear the cost. */
export interface AttributionFields {
  /** A header for each fact; lists are separated by commas. */
  readonly headers?: Readonly<Partial<Record<Fact, string>>>;
  /** One header that holds a JSON object of texts, with a member for each fact. */
  readonly json?: { readonly header: string; readonly members: Readonly<Partial<Record<Fact, string>>> };
  /** Fields of the body, by dotted path of at most two names. */
  readonly body?: Readonly<Partial<Record<Fact, string>>>;
  /** Facts that have no field of their own go among the tags, as `team:<name>`. */
  readonly tagged?: readonly ('teams' | 'key' | 'user' | 'customer')[];
}

/** What is added to a call. */
export interface Attributed {
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: JsonObject;
}

/** Longest text of one fact, and of a header of them. */
const MAX_TEXT = 128;
const MAX_HEADER = 4_096;
const WORDS = { teams: 'team', key: 'key', user: 'user', customer: 'customer' } as const;

/** Writes facts in a gateway's own fields; those that it has no field for are left out. */
export function attribute(own: AttributionFields, facts: AttributedFacts): Attributed {
  const headers: Record<string, string> = {};
  const fields: JsonObject = {};
  const tags = [...(facts.tags ?? [])];
  for (const fact of own.tagged ?? []) {
    for (const text of listOf(facts[fact])) tags.push(`${WORDS[fact]}:${text}`);
  }
  const told = { ...facts, ...(tags.length > 0 ? { tags } : {}) };
  for (const [fact, header] of entries(own.headers)) {
    const texts = listOf(told[fact]).map(plainText).filter(Boolean);
    if (texts.length > 0) headers[header] = texts.join(',').slice(0, MAX_HEADER);
  }
  if (own.json) {
    const said = entries(own.json.members).flatMap(([fact, member]) => {
      const text = listOf(told[fact]).join(',').slice(0, MAX_TEXT);
      return text === '' ? [] : [[member, text]];
    });
    if (said.length > 0) headers[own.json.header] = asciiJson(Object.fromEntries(said));
  }
  for (const [fact, path] of entries(own.body)) {
    const text = listOf(told[fact]).join(',').slice(0, MAX_TEXT);
    if (text === '') continue;
    const [outer = '', inner] = path.split('.');
    fields[outer] = inner === undefined ? text : { ...(fields[outer] as JsonObject | undefined), [inner]: text };
  }
  return { headers, fields };
}

function entries(map: Readonly<Partial<Record<Fact, string>>> | undefined): [Fact, string][] {
  return Object.entries(map ?? {}) as [Fact, string][];
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  const list = typeof value === 'string' ? [value] : (value ?? []);
  return list.filter((text) => text !== '').map((text) => text.slice(0, MAX_TEXT));
}

/** A text as a header may hold it, one of a list: anything but visible ASCII, and the comma, in percent-encoding. */
function plainText(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x7e]|[,%]/gu, (character) => encodeURIComponent(character));
}

/** JSON in ASCII, since a header holds no other. */
function asciiJson(value: JsonObject): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
