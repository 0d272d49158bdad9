import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import {
  childPointer,
  type Digest,
  decodings,
  fingerprintsOfForms,
  handleIdOf,
  type JsonValue,
  lastingForms,
} from '@sallyport/turn';

/** Whose values they are; a credential without a user stands for itself. */
export type Holder = Pick<Principal, 'tenant' | 'user' | 'id'>;

/** Most values of one result that are remembered, and most forms that one argument is asked about. */
const MAX_REMEMBERED = 2_000;
const MAX_ASKED = 64;
/** Longest text that is looked through for values. */
const MAX_TEXT = 200_000;

/** Fingerprints by which policy finds out whether a value that nobody vouches for was brought by untrusted content. */
export function askedFingerprints(digest: Digest, holder: Holder, value: JsonValue | undefined): string[] {
  if (typeof value !== 'string') return [];
  const forms = new Set([value, ...decodings(value)].flatMap((one) => lastingForms(one, MAX_ASKED)));
  return fingerprintsOfForms(digest, fingerprintScope(holder), [...forms].slice(0, MAX_ASKED));
}

/** What is left out of the values that a result brought. */
export interface NotTheirs {
  /** Arguments of the call as JSON: what the result repeats of them is the model's own. */
  readonly said: string;
  /** JSON pointers of fields that nobody outside can write. */
  readonly trusted: ReadonlySet<string>;
}

/**
 * Fingerprints of the values that an untrusted result brought, to be remembered for its user: of every text in its
 * structured content, else of its text, with the addresses and links in them.
 */
export function untrustedFingerprints(
  digest: Digest,
  holder: Holder,
  content: { readonly text: string; readonly structuredJson: string },
  notTheirs: NotTheirs,
): string[] {
  const forms = new Set<string>();
  const take = (text: string, path?: string): void => {
    if (forms.size >= MAX_REMEMBERED || notTheirs.said.includes(text)) return;
    if (path !== undefined && notTheirs.trusted.has(path)) return;
    for (const form of lastingForms(text, MAX_REMEMBERED)) forms.add(form);
  };
  if (content.structuredJson === '') take(content.text.slice(0, MAX_TEXT));
  else eachString(JSON.parse(content.structuredJson) as JsonValue, '', take);
  return fingerprintsOfForms(digest, fingerprintScope(holder), [...forms].slice(0, MAX_REMEMBERED));
}

/** Whom fingerprints are for. */
export function fingerprintScope({ tenant, user, id }: Holder): { tenant: string; user: string } {
  return { tenant, user: user || id };
}

function eachString(value: JsonValue, path: string, take: (text: string, path: string) => void): void {
  if (typeof value === 'string') take(value, path);
  else if (value !== null && typeof value === 'object' && handleIdOf(value) === undefined) {
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, child] of entries) eachString(child, childPointer(path, key), take);
  }
}
