import type { IncomingHttpHeaders } from 'node:http';

/**
 * What of a client's headers means something to a provider. All others stay here: credentials and cookies, whatever names
 * somebody (forwarded, organization, project), whatever is for one hop, whatever changes the method.
 */
const TO_PROVIDER: ReadonlySet<string> = new Set([
  'accept',
  'anthropic-beta',
  'anthropic-version',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'openai-beta',
  'range',
  'x-goog-fieldmask',
]);

/** What of a provider's headers means something to a client; no cookies, nothing that names the gateway's account. */
const TO_CLIENT: readonly string[] = [
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'retry-after',
];

/** The headers that go along to a provider; `declared` are those that each call to it has. */
export function headersTo(
  headers: IncomingHttpHeaders,
  declared: Readonly<Record<string, string>>,
): Record<string, string> {
  const sent: Record<string, string> = { ...declared };
  for (const name of TO_PROVIDER) {
    const value = headers[name];
    if (typeof value === 'string') sent[name] = value;
  }
  return sent;
}

/** The headers of a provider's answer that go to the client, names and values in turn; what it holds is no page of ours. */
export function headersFrom(headers: Readonly<Record<string, string | string[] | undefined>>): string[] {
  const told: string[] = [
    'x-content-type-options',
    'nosniff',
    'content-security-policy',
    "sandbox; default-src 'none'",
  ];
  for (const name of TO_CLIENT) {
    const value = headers[name];
    if (typeof value === 'string') told.push(name, value);
  }
  return told;
}
