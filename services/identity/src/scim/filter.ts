import { bad } from './faults.ts';
import { type Token, tokensOf } from './filter-tokens.ts';
import { CORE_GROUP, CORE_USER, ENTERPRISE } from './schema-names.ts';

/** A SCIM filter (RFC 7644 section 3.4.2.2), read. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'present'; readonly path: readonly string[] }
  | { readonly kind: 'compare'; readonly path: readonly string[]; readonly operator: string; readonly value: Scalar }
  | { readonly kind: 'some'; readonly path: readonly string[]; readonly part: Filter };

/** What an attribute is compared with. */
export type Scalar = string | number | boolean | null;

/** Where a PATCH operation goes: an attribute, those of its values for which a filter holds, an attribute of these. */
export interface Path {
  readonly path: readonly string[];
  readonly filter: Filter | undefined;
  readonly sub: string | undefined;
}

const MAX_DEPTH = 8;
const MAX_TERMS = 64;
const OPERATORS = new Set(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le']);
const TRUE: Filter = { kind: 'and', parts: [] };

/** Reads a filter. Throws `invalidFilter` for bad syntax and for what is too long, too deep or has too many terms. */
export function parseFilter(text: string): Filter {
  const reader = readerOf(text);
  const filter = reader.filter(0);
  reader.end();
  return filter;
}

/** Reads the path of a PATCH operation. Throws `invalidPath`. */
export function parsePath(text: string): Path {
  try {
    const reader = readerOf(text);
    const path = reader.path();
    const filter = reader.brackets(0);
    const sub = filter === undefined ? undefined : reader.sub();
    reader.end();
    return { path, filter, sub };
  } catch {
    throw bad('invalidPath', `The path cannot be read: ${text.slice(0, 100)}`);
  }
}

function readerOf(text: string) {
  const tokens = tokensOf(text);
  let at = 0;
  let terms = 0;
  const peek = (kind: Token['kind'], word?: string) => {
    const token = tokens[at];
    if (token?.kind !== kind) return false;
    return word === undefined || (typeof token.value === 'string' && token.value.toLowerCase() === word);
  };
  const take = (kind: Token['kind'], word?: string): Token => {
    const token = tokens[at];
    if (token === undefined || !peek(kind, word)) throw bad('invalidFilter', `Expected ${word ?? kind} in the filter.`);
    at += 1;
    return token;
  };
  const joined = (kind: 'and' | 'or', depth: number, next: (depth: number) => Filter): Filter => {
    const parts = [next(depth)];
    while (peek('word', kind)) {
      take('word', kind);
      parts.push(next(depth));
    }
    return parts.length === 1 ? (parts[0] as Filter) : { kind, parts };
  };
  const self = {
    filter(depth: number): Filter {
      if (depth > MAX_DEPTH) throw bad('invalidFilter', `A filter nests at most ${MAX_DEPTH} deep.`);
      return joined('or', depth, (inner) => joined('and', inner, self.term));
    },
    term(depth: number): Filter {
      terms += 1;
      if (terms > MAX_TERMS) throw bad('invalidFilter', `A filter has at most ${MAX_TERMS} terms.`);
      if (peek('word', 'not')) {
        take('word', 'not');
        return { kind: 'not', part: self.group(depth) };
      }
      if (peek('(')) return self.group(depth);
      const path = self.path();
      const inner = self.brackets(depth);
      if (inner === undefined) return self.comparison(path);
      // Entra writes emails[type eq "work"].value eq "…".
      const sub = self.sub();
      const part = sub === undefined ? inner : ({ kind: 'and', parts: [inner, self.comparison([sub])] } as const);
      return { kind: 'some', path, part };
    },
    group(depth: number): Filter {
      take('(');
      const filter = self.filter(depth + 1);
      take(')');
      return filter;
    },
    path(): string[] {
      return namesOf(String(take('word').value));
    },
    /** A filter in brackets; undefined where there are none. */
    brackets(depth: number): Filter | undefined {
      if (!peek('[')) return undefined;
      take('[');
      const filter = peek(']') ? TRUE : self.filter(depth + 1);
      take(']');
      return filter;
    },
    sub(): string | undefined {
      if (!peek('word')) return undefined;
      const word = String(tokens[at]?.value);
      if (!word.startsWith('.')) return undefined;
      take('word');
      return namesOf(word.slice(1))[0];
    },
    comparison(path: readonly string[]): Filter {
      const operator = String(take('word').value).toLowerCase();
      if (operator === 'pr') return { kind: 'present', path };
      if (!OPERATORS.has(operator)) throw bad('invalidFilter', `There is no operator ${operator.slice(0, 32)}.`);
      const token = tokens[at];
      at += 1;
      if (token?.kind === 'value') return { kind: 'compare', path, operator, value: token.value };
      const literal = token?.kind === 'word' ? LITERALS.get(String(token.value).toLowerCase()) : undefined;
      if (literal === undefined) throw bad('invalidFilter', 'Expected a value in the filter.');
      return { kind: 'compare', path, operator, value: literal.is };
    },
    end() {
      if (at < tokens.length) throw bad('invalidFilter', 'The filter goes on where it should end.');
    },
  };
  return self;
}

const LITERALS = new Map<string, { readonly is: Scalar }>([
  ['true', { is: true }],
  ['false', { is: false }],
  ['null', { is: null }],
]);
/** Names that no attribute may have, in lower case. */
export const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', '']);

/**
 * The names in an attribute path: `urn:…:User:name.givenName` is the URN of the schema, where that is an extension, and two
 * names. The URN of an extension may stand alone, for all of it.
 */
function namesOf(text: string): string[] {
  const names = pathNames(text);
  if (names.length > 3 || names.some((name) => FORBIDDEN.has(name.toLowerCase()))) {
    throw bad('invalidFilter', 'An attribute cannot be read.');
  }
  return names;
}

function pathNames(text: string): string[] {
  if (!text.toLowerCase().startsWith('urn:')) return text.split('.');
  for (const urn of [CORE_USER, CORE_GROUP, ENTERPRISE]) {
    const isExtension = urn === ENTERPRISE;
    if (text.toLowerCase() === urn.toLowerCase()) return isExtension ? [urn] : [''];
    if (!text.toLowerCase().startsWith(`${urn.toLowerCase()}:`)) continue;
    const names = text.slice(urn.length + 1).split('.');
    return isExtension ? [urn, ...names] : names;
  }
  // An extension that nobody here knows: nothing has it.
  return [text];
}
