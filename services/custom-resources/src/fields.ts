import { isIP } from 'node:net';
import { z } from 'zod';

/** Name of another resource in the same namespace (RFC 1123 subdomain). */
export const resourceName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be lower-case letters, digits, "-" and "."');

/** A key of a Secret's data. */
const secretKey = z
  .string()
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/);

/** Where a secret value stands: a Secret of the same namespace and a key in it. Values never stand in a resource. */
export const secretKeyRef = z.object({
  name: resourceName.describe('Name of the Secret, in the namespace of this resource.'),
  key: secretKey.describe("Key in the Secret's data."),
});

/** Reference to a value in a Secret. */
export type SecretKeyRef = z.output<typeof secretKeyRef>;

/** An http or https URL without user, query or fragment. */
export const httpUrl = z
  .string()
  .max(2048)
  .regex(
    /^https?:\/\/[A-Za-z0-9._:[\]-]+(\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$/,
    'must be an http or https URL without user, query or fragment',
  );

/** `status.grantedOrigin` of what has a URL and a credential. */
export const grantedOriginSchema = z
  .string()
  .max(600)
  .optional()
  .describe(
    'Scheme, host and port to which the credential was granted, of several separated by a blank. Another origin needs a new grant.',
  );

/** A network as IPv4 or IPv6 CIDR; what is not one is refused by `isNetwork`. */
export const cidr = z
  .string()
  .max(49)
  .regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/, 'must be a network such as 10.0.0.0/8 or 2001:db8::/32')
  .refine((text) => isNetwork(text), { message: 'is no network: address and length of the prefix do not fit' });

/** Tells whether a text is a network as CIDR, IPv4 or IPv6. */
export function isNetwork(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^[0-9]{1,3}$/.test(length) && Number(length) <= bits;
}

/** Name of a person, team, customer or client as other systems know it: no blanks at the ends. */
export const externalName = z
  .string()
  .max(253)
  .regex(/^\S(.*\S)?$/);

/** A pattern over names in which `*` stands for any characters. */
export const glob = z.string().max(253).regex(/^\S+$/);

/** A pattern over names of ToolServers. */
export const serverGlob = z
  .string()
  .max(253)
  .regex(/^[a-z0-9.*-]+$/, 'must be lower-case letters, digits, "-", "." and "*"');

/** A JSON pointer (RFC 6901) in which `*` stands for any index or member. */
export const jsonPointer = z
  .string()
  .max(512)
  .regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON pointer such as /items/*/email');

/** A pattern over tools, `<server>/<tool>`, with `*` in either part. */
export const toolGlob = z
  .string()
  .max(381)
  .regex(/^[a-z0-9.*-]+\/\S+$/, 'must be <server>/<tool>; * stands for any characters');

/** A pattern over what servers have besides tools, `<server>/<name>` or `<server>/<URI>`, with `*` in either part. */
export const offeringGlob = z
  .string()
  .max(512)
  .regex(/^[a-z0-9.*-]+\/\S+$/, 'must be <server>/<name or URI>; * stands for any characters');

/** Name of a tool as its server, client or provider gives it; `*` stands for any characters where a glob is allowed. */
export const toolName = z.string().max(128).regex(/^\S+$/);

/** Tools of tool servers, picked by patterns over the names of both. */
export const pickedTools = z
  .array(
    z.object({
      server: serverGlob.describe('ToolServer in this namespace; * stands for any characters.'),
      tool: toolName.describe('Its tool; * stands for any characters.'),
    }),
  )
  .max(64)
  .default([])
  .meta({ 'x-kubernetes-list-type': 'atomic' });

/** What a tool can do, from least to most dangerous. */
export const toolClass = z.enum(['Read', 'Write', 'Egress', 'Sensitive']);

/** What a tool can do. */
export type ToolClass = z.output<typeof toolClass>;

/** An amount of USD as a decimal string, below one million, to nine decimals. */
export const decimalUsd = z
  .string()
  .max(16)
  .regex(/^(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?$/, 'must be USD as a decimal string such as "0.15", below one million');

/** A span of time in whole seconds, minutes or hours: `90s`, `1m`, `24h`. */
export const duration = z
  .string()
  .max(7)
  .regex(/^[1-9][0-9]{0,5}(s|m|h)$/, 'must be a duration such as 90s, 1m, 24h');

/** Name of an entry in a list of this resource. */
export const entryName = z
  .string()
  .max(63)
  .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/);

/** A list without repetition; the API server keeps it a set. */
export function setOf<Item extends z.ZodType<string>>(item: Item, max: number) {
  return z
    .array(item)
    .max(max)
    .superRefine((values, context) => {
      values.forEach((value, index) => {
        if (values.indexOf(value) < index) {
          context.addIssue({ code: 'custom', message: `"${value}" stands twice in this list`, path: [index] });
        }
      });
    })
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list of objects in which a field names the entry; the API server refuses a name twice. */
export function listOf<Item extends z.ZodObject>(item: Item, max: number, key: keyof z.output<Item> & string) {
  return z
    .array(item)
    .max(max)
    .superRefine((values, context) => {
      const names = values.map((value) => (value as Record<string, unknown>)[key]);
      names.forEach((name, index) => {
        if (names.indexOf(name) < index) {
          context.addIssue({
            code: 'custom',
            message: `"${String(name)}" stands twice in this list`,
            path: [index, key],
          });
        }
      });
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A decimal string of USD in integer nano-USD (1e-9 USD); the pattern keeps it below 2^53. */
export function nanoUsd(decimal: string): number {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return Number(whole) * 1e9 + Number(fraction.padEnd(9, '0'));
}

/** A `duration` in milliseconds. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000 }[text.slice(-1)] ?? Number.NaN;
  return Number(text.slice(0, -1)) * unit;
}
