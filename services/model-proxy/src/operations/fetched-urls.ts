import { GatewayError } from '@sallyport/chassis/errors';
import { hostIsAmong } from '@sallyport/turn';

/** Fields of objects, at any depth, that hold text. */
const TEXT_KEYS: ReadonlySet<string> = new Set(['text', 'title']);
/** What a provider could fetch: any scheme before `//`, and those of the web also where the slashes are others. */
const URL_LIKE = /^[\s\0]*(?:[a-z][a-z0-9+.-]*:[/\\]{2}|https?:|ftp:|file:|[/\\]{2}[^/\\\s]+\.)/i;

/**
 * A URL that the provider would fetch is egress: what stands in it leaves, and what it leads to comes back unlooked at.
 * Refuses every one that stands outside of `texts`, unless its host is allowed by the operator. Throws `policy_denied`.
 */
export function refuseUrls(
  body: Readonly<Record<string, unknown>>,
  texts: readonly string[],
  allowedHosts: readonly string[],
): void {
  const allowed = new Set(allowedHosts);
  const look = (value: unknown, path: string, isText: boolean): void => {
    if (typeof value === 'string') {
      if (isText || !URL_LIKE.test(value) || isAllowed(value, allowed)) return;
      throw new GatewayError('policy_denied', 'URLs that the provider would fetch are not allowed.', {
        details: { param: path },
      });
    }
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        // Lists of tokens are long.
        if (typeof item !== 'number') look(item, `${path}[${index}]`, isText);
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`, TEXT_KEYS.has(key));
    }
  };
  for (const [key, value] of Object.entries(body)) look(value, key, texts.includes(key));
}

function isAllowed(text: string, allowed: ReadonlySet<string>): boolean {
  if (allowed.size === 0) return false;
  try {
    const { protocol, hostname } = new URL(text.trim());
    return (protocol === 'https:' || protocol === 'http:') && hostIsAmong(hostname, allowed);
  } catch {
    return false;
  }
}
