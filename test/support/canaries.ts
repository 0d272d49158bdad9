import { randomBytes } from 'node:crypto';

/** Unique texts, each with the place where it is put, and where they turn up again. */
export interface Canaries {
  /** A new one for a place. */
  put(place: string): string;
  /** One that the test did not make, as a secret that the gateway gave out. */
  also(place: string, secret: string): string;
  /** The places whose text is in a haystack: plain, in base64 at any offset, in hex or percent-encoded. */
  foundIn(haystack: string): string[];
  /** The texts by place. */
  readonly all: ReadonlyMap<string, string>;
}

// All that are made begin so: where no form of it is, none of them is, and thousands need not be looked for one by one.
const BEGIN = 'canarybirdsings';

/** Makes a set of canaries. */
export function canaries(): Canaries {
  const all = new Map<string, string>();
  const given = new Map<string, string>();
  const begins = formsOf(BEGIN);
  const isIn = (haystack: string, text: string) => formsOf(text).some((form) => haystack.includes(form));
  const found = (haystack: string, texts: ReadonlyMap<string, string>) =>
    [...texts].flatMap(([place, text]) => (isIn(haystack, text) ? [place] : []));
  return {
    all,
    put(place) {
      const text = BEGIN + randomBytes(12).toString('hex');
      all.set(place, text);
      return text;
    },
    also(place, secret) {
      all.set(place, secret);
      given.set(place, secret);
      return secret;
    },
    foundIn: (haystack) => found(haystack, begins.some((form) => haystack.includes(form)) ? all : given),
  };
}

/** How bytes may be written; those of base64 without the ends that depend on what stands beside them. */
function formsOf(text: string): string[] {
  const encoded = [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
    // Whole groups of three bytes, without the first where others stand in it.
    const whole = bytes.subarray(offset === 0 ? 0 : 3, bytes.length - (bytes.length % 3));
    return [whole.toString('base64'), whole.toString('base64url')];
  });
  return [...new Set([text, encodeURIComponent(text), Buffer.from(text).toString('hex'), ...encoded])];
}
