import { z } from 'zod';
import type { Rule } from './define-resource.ts';

// Headers that carry credentials or belong to the protocol itself: a static value would leak one or break the other.
const reserved = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-api-key',
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
  'accept',
];
const pattern = '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$';
const name = new RegExp(pattern);

/** Headers that a resource adds to each request to its server; a value stands in the resource for all to read. */
export const fixedHeaders = z
  .record(
    z.string().max(64),
    z
      .string()
      .max(1024)
      .regex(/^[ -~]*$/),
  )
  .optional()
  .meta({ maxProperties: 16 })
  .describe('Headers sent with each request. Never secrets: those go through credentials.');

/** Keeps from them what carries credentials, and what `prefix` and `further` say belongs to the protocol. */
export function fixedHeadersRule(
  prefix: string,
  further: readonly string[] = [],
): Rule<{ readonly headers?: Readonly<Record<string, string>> | undefined }> {
  const refused = [...reserved, ...further];
  const quoted = refused.map((one) => `'${one}'`).join(', ');
  return {
    cel: `!has(self.headers) || self.headers.all(h, h.matches('${pattern}') && !h.lowerAscii().startsWith('${prefix}') && !(h.lowerAscii() in [${quoted}]))`,
    message: 'headers must have valid names and may not set credentials or what the protocol sets itself',
    fieldPath: '.headers',
    holds: ({ headers }) =>
      Object.keys(headers ?? {}).every(
        (one) => name.test(one) && !one.toLowerCase().startsWith(prefix) && !refused.includes(one.toLowerCase()),
      ),
  };
}
