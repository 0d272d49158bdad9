import { GatewayError } from '@sallyport/chassis/errors';

/** Prefix of all that is passed through. */
export const PASSTHROUGH = '/passthrough/';

/** Where a request is to go. */
export interface PassthroughPath {
  /** Name of a ModelProvider. */
  readonly provider: string;
  /** Below its base URL, in the one way in which it can be written. */
  readonly path: string;
  /** With its question mark, or ''. */
  readonly query: string;
}

const PROVIDER = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
/** Plain characters of a path (RFC 3986 §3.3) and escapes of others. */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*$/;
/** Escapes of what a server may take for structure, or could have been written plainly. */
const NEEDLESS = /%[0-7]/;
/** Parameters by which servers are told another method, another credential, or to run what they send. */
const STEERING = /^(?:_method|method|x-http-method(?:-override)?|callback|jsonp|authorization|\$.*)$/i;
const MAX_URL = 4_096;

/**
 * Reads the target of a request. A path that could be read in two ways (dot segments, empty ones, escaped slashes and other
 * needless escapes, backslashes, a whole URL) is refused with `invalid_request`, since policy would judge one reading and the
 * provider follow the other.
 */
export function readPath(target: string | undefined): PassthroughPath {
  if (target === undefined || target.length > MAX_URL || !target.startsWith(PASSTHROUGH)) throw malformed();
  const question = target.indexOf('?');
  const whole = target.slice(PASSTHROUGH.length, question === -1 ? undefined : question);
  const slash = whole.indexOf('/');
  if (slash === -1) throw malformed();
  const provider = whole.slice(0, slash);
  const path = whole.slice(slash);
  if (!PROVIDER.test(provider) || !PATH.test(path) || NEEDLESS.test(path)) throw malformed();
  try {
    // Escapes that are no UTF-8 may be an overlong form of a slash or a dot.
    decodeURIComponent(path);
  } catch {
    throw malformed();
  }
  for (const segment of path.slice(1).split('/')) {
    // Some servers cut parameters off before they look for dots.
    const [name = ''] = segment.split(';', 1);
    if (name === '' || name === '.' || name === '..') throw malformed();
  }
  return { provider, path, query: question === -1 ? '' : readQuery(target.slice(question)) };
}

function readQuery(query: string): string {
  // The fragment never travels; control characters and blanks have no place in a URL.
  if (!/^\?[\x21-\x7e]*$/.test(query) || query.includes('#')) throw malformed();
  for (const name of new URLSearchParams(query).keys()) {
    if (!STEERING.test(name)) continue;
    throw new GatewayError('invalid_request', `The parameter ${name.slice(0, 64)} is not passed through.`);
  }
  return query;
}

function malformed(): GatewayError {
  return new GatewayError('invalid_request', 'The path cannot be passed through: write it plainly.');
}
