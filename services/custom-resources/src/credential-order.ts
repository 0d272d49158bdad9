import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { httpUrl, secretKeyRef, setOf } from './fields.ts';

const secretRef = (what: string) => secretKeyRef.optional().describe(what);

/** A resource needs a credential from somewhere. */
const somewhere = {
  cel: 'has(self.secretRef) || has(self.perPrincipal)',
  message: 'secretRef or perPrincipal must say where the credential is',
  holds: (c: { readonly secretRef?: unknown; readonly perPrincipal?: unknown }) =>
    c.secretRef !== undefined || c.perPrincipal !== undefined,
};

const ORDER =
  'Whose credential is used: the first of these that has one. Organisation: what an admin put in through the admin API, ' +
  'else secretRef. Team: of several, by name.';

/** `credentials` of a ModelProvider. */
export const providerCredentials = withRules(
  z.object({
    secretRef: secretRef(
      'Secret that holds the API key. Types bedrock, vertex and azure-*: or a JSON object, of which nothing is sent but what ' +
        'is made of it. bedrock: AccessKeyId, SecretAccessKey and SessionToken, as a credential_process prints them, which ' +
        'sign each call. vertex: the key file of a service account. azure-*: tenantId, clientId and clientSecret of an ' +
        'application at Microsoft Entra ID.',
    ),
    tokenURL: httpUrl
      .optional()
      .describe(
        "Where tokens are had for a service account or an application. Left out: at the vendor's own endpoint. The " +
          'credential is bound to its scheme, host and port as well.',
      ),
    furtherSecretRefs: z
      .array(secretKeyRef)
      .min(1)
      .max(7)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .optional()
      .describe(
        'Further keys. Runs are spread over all keys; one that is limited rests, one that is refused is left alone, and the ' +
          'next one is used. Where all are refused, calls fail with upstream_credentials_exhausted.',
      ),
    workloadIdentity: z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .optional()
      .describe(
        'For types bedrock, vertex and azure-*, in place of a Secret: name of an identity at the cloud that vault takes on by ' +
          "its pod's own token. Which there are, for which namespaces and hosts, is said in vault's configuration " +
          '(workloadIdentities).',
      ),
    perPrincipal: withRules(
      z.object({
        order: setOf(z.enum(['Request', 'User', 'Team', 'Organisation']), 4)
          .min(1)
          .describe(
            `${ORDER} Request: the caller brings the key in the header sallyport-provider-key; it is never kept, and is ` +
              'not sent to a provider that the call falls back to.',
          ),
      }),
      [
        {
          cel: "!('Request' in self.order) || self.order[0] == 'Request'",
          message: 'Request must be the first of order',
          fieldPath: '.order',
          holds: ({ order }) => order.indexOf('Request') <= 0,
        },
      ],
    )
      .optional()
      .describe('Lets users, teams and the caller bring keys of their own.'),
  }),
  [
    {
      cel: 'has(self.secretRef) || has(self.perPrincipal) || has(self.workloadIdentity)',
      message: 'secretRef, perPrincipal or workloadIdentity must say where the credential is',
      holds: (c) => [c.secretRef, c.perPrincipal, c.workloadIdentity].some((one) => one !== undefined),
    },
    {
      cel: '!has(self.workloadIdentity) || !(has(self.secretRef) || has(self.perPrincipal) || has(self.tokenURL))',
      message: 'workloadIdentity stands alone',
      fieldPath: '.workloadIdentity',
      holds: (c) =>
        c.workloadIdentity === undefined || [c.secretRef, c.perPrincipal, c.tokenURL].every((one) => one === undefined),
    },
    {
      cel: '!has(self.furtherSecretRefs) || (has(self.secretRef) && !has(self.perPrincipal))',
      message: 'furtherSecretRefs stand beside a secretRef, and not beside perPrincipal',
      fieldPath: '.furtherSecretRefs',
      holds: (c) => c.furtherSecretRefs === undefined || (c.secretRef !== undefined && c.perPrincipal === undefined),
    },
    {
      cel: '!has(self.furtherSecretRefs) || (has(self.secretRef) && self.furtherSecretRefs.all(r, (r.name != self.secretRef.name || r.key != self.secretRef.key) && self.furtherSecretRefs.exists_one(s, s.name == r.name && s.key == r.key)))',
      message: 'each key may stand in secretRef and furtherSecretRefs once',
      fieldPath: '.furtherSecretRefs',
      holds: (c) => {
        const all = [c.secretRef, ...(c.furtherSecretRefs ?? [])].map((ref) => `${ref?.name}/${ref?.key}`);
        return new Set(all).size === all.length;
      },
    },
  ],
);

/** `credentials` of a ToolServer. */
export const serverCredentials = withRules(
  z.object({
    secretRef: secretRef('Secret that holds the token.'),
    perPrincipal: z
      .object({
        order: setOf(z.enum(['User', 'Team', 'Organisation']), 3)
          .min(1)
          .describe(ORDER),
      })
      .optional()
      .describe('Lets users and teams bring tokens of their own.'),
    header: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9][A-Za-z0-9-]*$/)
      .default('authorization')
      .describe('Header that carries the token.'),
    scheme: z
      .string()
      .max(32)
      .regex(/^[A-Za-z0-9-]*$/)
      .default('Bearer')
      .describe('Word before the token; empty for the bare token.'),
    parameter: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9_.-]+$/)
      .optional()
      .describe('Query parameter that carries the bare token in place of the header; for openApi only.'),
  }),
  [somewhere],
);
