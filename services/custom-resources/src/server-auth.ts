import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { httpUrl, secretKeyRef, setOf } from './fields.ts';

/** A scope as RFC 6749 §3.3 writes one. */
const scope = z
  .string()
  .max(256)
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must be a scope: printable ASCII without blank, quote and backslash');

/** `auth` of a ToolServer: tokens are had by OAuth, where `credentials` would be one token for all. */
export const serverAuth = withRules(
  z.object({
    type: z
      .enum(['OAuth'])
      .describe('OAuth: each person connects the server once, and their calls go with a token of their own.'),
    scopes: setOf(scope, 64)
      .default([])
      .describe('Scopes that are asked for. Left out: those that the server asks for.'),
    registration: z
      .enum(['Metadata', 'Dynamic', 'Static'])
      .optional()
      .describe(
        'How the authorization server knows Sallyport: by a metadata document at its public URL, by dynamic ' +
          'registration, or by clientId. Left out: clientId where it is given, else Metadata where it is taken, else Dynamic.',
      ),
    clientId: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[\x20-\x7E]+$/)
      .optional()
      .describe('Id of a client that was registered beforehand.'),
    secretRef: secretKeyRef.optional().describe('Secret of that client. It is sent to the issuer and to nobody else.'),
    resource: httpUrl
      .optional()
      .describe('What tokens are asked for (RFC 8707). Left out: what the server names, else its URL.'),
    issuer: httpUrl
      .optional()
      .describe('The authorization server. Left out: the one that the tool server names (RFC 9728).'),
  }),
  [
    {
      cel: "!has(self.registration) || (self.registration == 'Static') == has(self.clientId)",
      message: 'clientId must be given for registration Static, and for no other',
      fieldPath: '.clientId',
      holds: (a) => a.registration === undefined || (a.registration === 'Static') === (a.clientId !== undefined),
    },
    {
      cel: '!has(self.secretRef) || (has(self.clientId) && has(self.issuer))',
      message: 'secretRef needs the clientId that it is of, and the issuer that it may be sent to',
      fieldPath: '.secretRef',
      holds: (a) => a.secretRef === undefined || (a.clientId !== undefined && a.issuer !== undefined),
    },
  ],
);

/** `auth` of a ToolServer with defaults filled in. */
export type ServerAuth = z.output<typeof serverAuth>;
