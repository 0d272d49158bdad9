import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { entryName, glob, listOf, resourceName, setOf, toolClass, toolName } from './fields.ts';

const condition = z.string().min(1).max(4096);
const reason = z.string().min(1).max(512);

const callRule = z.object({
  name: entryName.describe('Name of the rule; decisions and records cite it.'),
  when: condition
    .optional()
    .describe('CEL over args, tool, principal, context, origins; true selects the rule. Left out: always.'),
  action: z.enum(['Allow', 'Deny', 'Hide']).describe('What happens; Hide also takes the tool out of model requests.'),
  reason: reason.describe('Why, in a line, for the model and for the record.'),
});

const quarantineField = withRules(
  z.object({
    name: z
      .string()
      .max(63)
      .regex(/^[A-Za-z][A-Za-z0-9_]*$/)
      .describe('Name of the field in the answer.'),
    type: z
      .enum(['String', 'Integer', 'Number', 'Boolean', 'Date', 'Enum'])
      .describe('Type of the value. A String is shown to the privileged model as a handle only.'),
    values: setOf(z.string().min(1).max(128), 64).optional().describe('The values of an Enum.'),
    description: z.string().max(512).optional().describe('What the quarantined model should put here.'),
  }),
  [
    {
      cel: "(self.type == 'Enum') == (has(self.values) && size(self.values) > 0)",
      message: 'values must be given for type Enum, and for no other',
      holds: (f) => (f.type === 'Enum') === (f.values !== undefined && f.values.length > 0),
    },
  ],
);

const quarantine = withRules(
  z.object({
    model: z.string().min(1).max(128).describe('Public name of the model that reads the content, without tools.'),
    instruction: z.string().min(1).max(4096).describe('What it is asked about the content.'),
    fields: listOf(quarantineField, 32, 'name').min(1).describe('The typed answer.'),
    list: z.boolean().default(false).describe('The answer is a list of such objects.'),
    maxItems: z.int().min(1).max(100).optional().describe('Most entries of the list. Default 20.'),
  }),
  [
    {
      cel: '!has(self.maxItems) || self.list',
      message: 'maxItems is for list: true only',
      holds: (q) => q.maxItems === undefined || q.list,
    },
  ],
);

const resultRule = withRules(
  z.object({
    name: entryName.describe('Name of the rule; decisions and records cite it.'),
    when: condition
      .optional()
      .describe('CEL over result, args, tool, principal, isError, sizeBytes; true selects the rule. Left out: always.'),
    action: z
      .enum(['Allow', 'Quarantine', 'Deny'])
      .describe('Allow hands the result on; Quarantine hands on a typed answer about it; Deny withholds it.'),
    trust: z
      .enum(['Trusted', 'Untrusted'])
      .default('Untrusted')
      .describe('How the result is labelled when it is allowed.'),
    reason: reason.optional().describe('Why, in a line, for the model and for the record.'),
    quarantine: quarantine.optional().describe('How content is read in quarantine.'),
  }),
  [
    {
      cel: "(self.action == 'Quarantine') == has(self.quarantine)",
      message: 'quarantine must be given for action Quarantine, and for no other',
      holds: (r) => (r.action === 'Quarantine') === (r.quarantine !== undefined),
    },
    {
      cel: "self.trust != 'Trusted' || self.action == 'Allow'",
      message: 'trust: Trusted is for action Allow only: an answer out of quarantine stays untrusted',
      fieldPath: '.trust',
      holds: (r) => r.trust !== 'Trusted' || r.action === 'Allow',
    },
  ],
);

const spec = withRules(
  z.object({
    tools: z
      .array(
        z.object({
          server: resourceName.describe('ToolServer in this namespace.'),
          tool: toolName.describe('Its tool; * stands for any characters.'),
        }),
      )
      .max(64)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Tools of tool servers that the policy is about.'),
    clientTools: z
      .array(
        z.object({
          client: glob.describe('Client that declares the function; * stands for any characters.'),
          tool: toolName.describe('Name of the function.'),
        }),
      )
      .max(64)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Functions, declared by clients, that the policy is about.'),
    providerTools: z
      .array(
        z.object({
          provider: resourceName.describe('ModelProvider that runs the tool.'),
          type: toolName.describe("The tool's type in the provider's API, for example web_search."),
        }),
      )
      .max(64)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Tools, run by providers, that the policy is about.'),
    class: toolClass.optional().describe('What the named client or provider tools can do.'),
    mode: z
      .enum(['Enforce', 'Observe'])
      .optional()
      .describe('Observe records what Enforce would do and lets it pass. Left out: the posture of the installation.'),
    calls: listOf(callRule, 64, 'name')
      .default([])
      .describe(
        'Rules on calls. Of those whose condition holds the strictest wins; rules without one apply where no other holds.',
      ),
    results: listOf(resultRule, 64, 'name')
      .default([])
      .describe(
        'Rules on results. Of those whose condition holds the strictest wins; rules without one apply where no other holds.',
      ),
  }),
  [
    {
      cel: 'size(self.tools) + size(self.clientTools) + size(self.providerTools) > 0',
      message: 'at least one of tools, clientTools and providerTools must name something',
      holds: (s) => s.tools.length + s.clientTools.length + s.providerTools.length > 0,
    },
    {
      cel: 'size(self.calls) + size(self.results) > 0 || has(self.class)',
      message: 'the policy must say something: calls, results or class',
      holds: (s) => s.calls.length + s.results.length > 0 || s.class !== undefined,
    },
    {
      cel: '!has(self.class) || size(self.tools) == 0',
      message: 'class is for clientTools and providerTools; the class of a brokered tool stands in its ToolServer',
      fieldPath: '.class',
      holds: (s) => s.class === undefined || s.tools.length === 0,
    },
  ],
);

/** ToolPolicy: rules on calls of tools and on their results. */
export const toolPolicy = defineResource({
  kind: 'ToolPolicy',
  plural: 'toolpolicies',
  shortNames: ['tpol'],
  description: 'Rules on calls of tools and on what they return, over arguments, origins, labels and principal.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({ conditions: conditionsSchema, observedGeneration: observedGenerationSchema })
    .describe('What is known; written by Sallyport.'),
  columns: [{ name: 'Mode', type: 'string', jsonPath: '.spec.mode' }, ...readyColumns],
  conditions: ['Accepted', 'ResolvedRefs', 'Ready'],
});

/** Spec of a ToolPolicy with defaults filled in. */
export type ToolPolicySpec = z.output<typeof spec>;

/** A rule on calls. */
export type CallRule = z.output<typeof callRule>;

/** A rule on results. */
export type ResultRule = z.output<typeof resultRule>;

/** What a quarantined model is asked, and the shape of its answer. */
export type QuarantineSpec = z.output<typeof quarantine>;

/** Status of a ToolPolicy. */
export type ToolPolicyStatus = z.output<typeof toolPolicy.status>;
