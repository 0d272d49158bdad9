import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { cidr, externalName, glob, secretKeyRef, setOf, toolGlob } from './fields.ts';

const spec = withRules(
  z.object({
    owner: externalName.optional().describe('User on whose behalf the key acts. Left out: nobody stands behind it.'),
    teams: setOf(externalName, 32).default([]).describe('Teams that the key belongs to.'),
    customer: externalName.optional().describe('Customer to whom its cost is counted.'),
    client: externalName.optional().describe('Client (application) that uses it; selects clientTools policies.'),
    models: setOf(glob, 256).default([]).describe('Narrows what AccessPolicies allow. Empty: no narrowing.'),
    tools: setOf(toolGlob, 256).default([]).describe('Narrows what AccessPolicies allow. Empty: no narrowing.'),
    endpoints: setOf(glob, 64).default([]).describe('Narrows what AccessPolicies allow. Empty: no narrowing.'),
    networks: setOf(cidr, 64).default([]).describe('Networks from which it may be used, as CIDR. Empty: any.'),
    role: z.enum(['Member', 'Auditor', 'Admin']).default('Member').describe('What the key may do at the admin API.'),
    mayAssert: setOf(z.enum(['user', 'customer', 'feature', 'project', 'promptVersion', 'variant', 'tags']), 7)
      .default([])
      .describe('What requests may say about themselves for the attribution of cost.'),
    origin: z
      .enum(['human', 'webhook', 'form', 'email', 'schedule', 'agent'])
      .optional()
      .describe('What starts the runs under this key. Left out: undeclared, which is not human.'),
    instructionAuthority: z
      .object({
        system: z
          .enum(['Authored'])
          .optional()
          .describe('Authored: system text is written by the owner of the client.'),
        user: z.enum(['Typed']).optional().describe('Typed: user text is typed by a human.'),
      })
      .optional()
      .describe('What the roles that the client gives to messages are worth. Left out: unknown.'),
    expiresAt: z
      .string()
      .max(40)
      .refine((text) => !Number.isNaN(Date.parse(text)) && /^\d{4}-\d\d-\d\dT/.test(text), {
        message: 'must be a time as RFC 3339 has it, for example 2030-01-31T12:00:00Z',
      })
      .meta({ format: 'date-time' })
      .optional()
      .describe('When the key ends.'),
    tags: setOf(z.string().min(1).max(64).regex(/^\S+$/), 32).default([]).describe('Words for policies and reports.'),
    metadata: z
      .record(z.string().max(63), z.string().max(256))
      .optional()
      .meta({ maxProperties: 32 })
      .describe('Free text for people and exports, by name. Nothing is decided by it.'),
    disabled: z.boolean().default(false).describe('True suspends the key.'),
    secretRef: secretKeyRef.optional().describe('Secret with a value that you chose, of at least 20 characters.'),
    targetSecret: secretKeyRef.optional().describe('Secret into which a generated value is written.'),
  }),
  [
    {
      cel: 'has(self.secretRef) != has(self.targetSecret)',
      message: 'exactly one of secretRef and targetSecret must be given',
      holds: (s) => (s.secretRef === undefined) !== (s.targetSecret === undefined),
    },
    {
      cel: "!has(self.metadata) || self.metadata.all(name, name.matches('^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$'))",
      message: 'names in metadata must be letters, digits, "-", "_", "." and "/"',
      fieldPath: '.metadata',
      holds: (s) =>
        Object.keys(s.metadata ?? {}).every((name) => /^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/.test(name)),
    },
  ],
);

const status = z.object({
  conditions: conditionsSchema,
  observedGeneration: observedGenerationSchema,
  keyId: z.string().max(64).optional().describe('Id of the key in records and in the admin API.'),
  prefix: z.string().max(32).optional().describe('First characters of the value, for recognition.'),
});

/** VirtualKey: a credential for clients of the gateway. */
export const virtualKey = defineResource({
  kind: 'VirtualKey',
  plural: 'virtualkeys',
  shortNames: ['vk'],
  description: 'A credential for clients of the gateway: whose it is, what it may do, where its value stands.',
  spec: spec.describe('What is wanted.'),
  status: status.describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner' },
    { name: 'Prefix', type: 'string', jsonPath: '.status.prefix' },
    { name: 'Networks', type: 'string', jsonPath: '.spec.networks', priority: 1 },
    { name: 'Expires', type: 'date', jsonPath: '.spec.expiresAt' },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'ExpiresSoon', 'Ready'],
});

/** Spec of a VirtualKey with defaults filled in. */
export type VirtualKeySpec = z.output<typeof spec>;

/** Status of a VirtualKey. */
export type VirtualKeyStatus = z.output<typeof virtualKey.status>;
