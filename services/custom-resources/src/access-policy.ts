import { z } from 'zod';
import { claimsExpression } from './claims-expression.ts';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { externalName, glob, offeringGlob, resourceName, setOf, toolGlob } from './fields.ts';
import { inForceSchema } from './in-force.ts';

const subjects = withRules(
  z.object({
    users: setOf(externalName, 256).default([]).describe('Users by id.'),
    teams: setOf(externalName, 256).default([]).describe('Teams by name: every member.'),
    clients: setOf(externalName, 256).default([]).describe('Clients (applications) by name.'),
    keys: setOf(externalName, 256).default([]).describe('Virtual keys, by name of the resource or by id of the key.'),
    claims: claimsExpression('bool')
      .optional()
      .describe(
        'CEL over claims, those of the token that the IdentityProvider keeps, for example "claims.department == \'Legal\'". ' +
          'Keys have none. An expression that fails, for instance since a claim is absent, selects nobody.',
      ),
    everyone: z.boolean().default(false).describe('Every authenticated principal of this namespace.'),
  }),
  [
    {
      cel: 'size(self.users) + size(self.teams) + size(self.clients) + size(self.keys) > 0 || has(self.claims) || self.everyone',
      message: 'subjects must name at least one user, team, client or key, have claims, or set everyone',
      holds: (s) =>
        s.users.length + s.teams.length + s.clients.length + s.keys.length > 0 || s.claims !== undefined || s.everyone,
    },
  ],
);

const passthrough = z.object({
  provider: resourceName.describe('ModelProvider of this namespace.'),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']))
    .min(1)
    .max(6)
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe('Methods that they may use.'),
  paths: z
    .array(
      z
        .string()
        .max(512)
        .regex(
          /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/,
          'must begin with / and be a path without escapes; * is a wildcard',
        ),
    )
    .min(1)
    .max(64)
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe('Paths below the base URL of the provider, for example "/vector_stores/*"; * stands for any characters.'),
});

const spec = z.object({
  subjects: subjects.describe('Whom the policy speaks of; any one that fits is enough.'),
  models: setOf(glob, 256)
    .default([])
    .describe('Public names of models that they may use; * stands for any characters.'),
  tools: setOf(toolGlob, 256)
    .default([])
    .describe('Tools that they may use, as "<server>/<tool>"; * stands for any characters.'),
  resources: setOf(offeringGlob, 64)
    .default([])
    .describe(
      'Resources of tool servers that they may list, read and have completed, as "<server>/<URI>", for example ' +
        '"docs/file:///public/*"; * stands for any characters. A template of resources is theirs where its own text matches.',
    ),
  prompts: setOf(offeringGlob, 64)
    .default([])
    .describe('Prompts of tool servers that they may use, as "<server>/<prompt>"; * stands for any characters.'),
  endpoints: setOf(glob, 64)
    .default(['*'])
    .describe('Endpoints through which they may do so, for example "chat.completions", "messages", "mcp".'),
  clientTools: z
    .enum(['Decide', 'Deny'])
    .default('Decide')
    .describe('Functions that a client declares itself: Decide follows ToolPolicies and the state of the run.'),
  toolList: z
    .enum(['All', 'Search'])
    .default('All')
    .describe(
      'What these subjects are listed at /mcp. All: every tool that they may use. Search: two tools of the gateway, to search those and to call what was found; one policy that says so is enough. It changes what is listed, never what may be used; a client chooses for itself with /mcp?tools=all or ?tools=search.',
    ),
  passthrough: z
    .array(passthrough)
    .max(32)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe(
      'What they may send to providers as it is, at /passthrough/<provider>/<path>. What is stored at the provider belongs ' +
        'to its account: whoever may list it sees that of everybody. Bodies with tools are refused.',
    ),
});

/** AccessPolicy: who may use which models, tools and endpoints. Without one, nobody may use anything. */
export const accessPolicy = defineResource({
  kind: 'AccessPolicy',
  plural: 'accesspolicies',
  shortNames: ['apol'],
  description: 'Who may use which models, tools and endpoints. What no AccessPolicy allows is denied.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({ conditions: conditionsSchema, observedGeneration: observedGenerationSchema, inForce: inForceSchema })
    .describe('What is known; written by Sallyport.'),
  columns: [
    {
      name: 'Coverage',
      type: 'string',
      jsonPath: ".status.conditions[?(@.type=='PolicyCoverage')].reason",
    },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'PolicyCoverage', 'Ready'],
});

/** Spec of an AccessPolicy with defaults filled in. */
export type AccessPolicySpec = z.output<typeof spec>;

/** Status of an AccessPolicy. */
export type AccessPolicyStatus = z.output<typeof accessPolicy.status>;
