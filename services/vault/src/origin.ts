/**
 * The origin of a URL as `scheme://host:port`, with the port always spelled out, so that two spellings of one origin
 * are equal and nothing but scheme, host and port takes part. Undefined for anything but http and https.
 */
export function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return `${url.protocol}//${url.hostname}:${port}`;
}

/**
 * The same of URLs separated by a blank: a credential that is sent to one host and proven to another is bound to both.
 * Undefined where one of them is none.
 */
export function originsOf(text: string): string | undefined {
  const origins = text.split(' ').map(originOf);
  return origins.includes(undefined) ? undefined : origins.join(' ');
}
