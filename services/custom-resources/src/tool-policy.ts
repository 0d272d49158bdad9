import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import {
  duration,
  entryName,
  externalName,
  glob,
  jsonPointer,
  listOf,
  pickedTools,
  resourceName,
  setOf,
  toolClass,
  toolName,
} from './fields.ts';
import { inForceSchema } from './in-force.ts';

const condition = z.string().min(1).max(4096);
const reason = z.string().min(1).max(512);

const mode = z.enum(['Enforce', 'Observe']);
const rollout = z
  .int()
  .min(1)
  .max(99)
  .describe('Percent of principals for whom the rule acts, by a hash of the principal; the others are observed.');
const priority = z
  .int()
  .min(0)
  .max(1000)
  .describe('Of several rules that want the same, the one with the highest number is named. Default 0.');

const callRule = z.object({
  name: entryName.describe('Name of the rule; decisions and records cite it.'),
  when: condition
    .optional()
    .describe(
      'CEL over args, answers, tool, principal, context, origins; true selects the rule. Left out: always. answers: what the tool server is told to what it asked in the course of the call, by the key of its question: has(answers.city) && answers.city.content.name == "Graz".',
    ),
  action: z
    .enum(['Allow', 'Deny', 'Ask', 'Hide'])
    .describe(
      'What happens; Ask puts the call before approvers, unless it is about more than 1,000 values or 256 KiB, which is denied; Hide also takes the tool out of model requests.',
    ),
  reason: reason.describe('Why, in a line, for the model and for the record.'),
  mode: mode.optional().describe('Mode of this rule. Left out: of the policy.'),
  rollout: rollout.optional(),
  priority: priority.optional(),
});

const quarantineField = withRules(
  z.object({
    name: z
      .string()
      .max(63)
      .regex(/^[A-Za-z][A-Za-z0-9_]*$/)
      .describe('Name of the field in the answer.'),
    type: z
      .enum(['String', 'Integer', 'Number', 'Boolean', 'Date', 'DateTime', 'Enum'])
      .describe('Type of the value. A String is shown to the privileged model as a handle only.'),
    values: setOf(z.string().min(1).max(128), 64).optional().describe('The values of an Enum.'),
    description: z.string().max(512).optional().describe('What the quarantined model should put here.'),
    many: z.boolean().optional().describe('The content may hold several such values: a list of at most maxItems.'),
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
    structured: z
      .enum(['Mask', 'Omit'])
      .default('Omit')
      .describe(
        'Mask shows the structured result with a handle for every string; numbers, booleans and the fields that the ToolServer declares stand in plain.',
      ),
    model: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Public name of the model that reads the content, without tools. Left out: nobody reads.'),
    fallbackModels: setOf(z.string().min(1).max(128), 3).optional().describe('Models to ask where that one fails.'),
    instruction: z.string().min(1).max(4096).optional().describe('What it is asked about the content.'),
    fields: listOf(quarantineField, 32, 'name').optional().describe('The typed answer.'),
    reuse: z
      .enum(['User', 'Run'])
      .default('User')
      .describe('How long a reading of the same content serves: for all runs of the same user, or for one run.'),
    list: z.boolean().default(false).describe('The answer is a list of such objects.'),
    maxItems: z.int().min(1).max(100).optional().describe('Most entries of a list. Default 20.'),
    bits: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe('Most bits of untrusted plain values that one result may show. Default: of the installation.'),
  }),
  [
    {
      cel: '!has(self.maxItems) || self.list || (has(self.fields) && self.fields.exists(f, has(f.many) && f.many))',
      message: 'maxItems is for list: true and for fields with many: true only',
      holds: (q) => q.maxItems === undefined || q.list || q.fields?.some((f) => f.many === true) === true,
    },
    {
      cel: "self.structured == 'Mask' || has(self.model)",
      message: 'something must be shown: structured: Mask, or a model that reads',
      holds: (q) => q.structured === 'Mask' || q.model !== undefined,
    },
    {
      cel: 'has(self.model) == has(self.instruction) && has(self.model) == (has(self.fields) && size(self.fields) > 0)',
      message: 'model, instruction and fields stand together',
      holds: (q) =>
        (q.model !== undefined) === (q.instruction !== undefined) &&
        (q.model !== undefined) === (q.fields !== undefined && q.fields.length > 0),
    },
    {
      cel: '!has(self.fallbackModels) || has(self.model)',
      message: 'fallbackModels are for a model that reads',
      holds: (q) => q.fallbackModels === undefined || q.model !== undefined,
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
    mode: mode.optional().describe('Mode of this rule. Left out: of the policy.'),
    rollout: rollout.optional(),
    priority: priority.optional(),
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

const approvers = z.object({
  users: setOf(externalName, 64).optional().describe('People who may decide.'),
  teams: setOf(externalName, 64).optional().describe('Teams whose members may decide.'),
  needed: z
    .int()
    .min(1)
    .max(2)
    .default(1)
    .describe('How many must say yes. 2: two different people, neither of them the requester.'),
  expiresAfter: duration.default('1h').describe('After this the question is over and counts as refused.'),
  remindAfter: duration.optional().describe('The webhook is called again after this while nobody has decided.'),
  onAbsence: z
    .enum(['Refuse', 'Administrators'])
    .default('Refuse')
    .describe('Administrators lets them decide too once remindAfter has passed.'),
});

const spec = withRules(
  z.object({
    tools: pickedTools.describe('Tools of tool servers that the policy is about.'),
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
    mode: mode
      .optional()
      .describe('Observe records what Enforce would do and lets it pass. Left out: the posture of the installation.'),
    handlePositions: setOf(jsonPointer, 32)
      .optional()
      .describe(
        'Arguments of the named tools that hold a host, URL or identifier and in which a handle may stand all the same.',
      ),
    approvers: approvers.optional().describe('Who decides calls that a rule asks about. Left out: administrators.'),
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
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      inForce: inForceSchema,
      observed: z
        .array(
          z.object({
            rule: entryName.describe('Name of the rule.'),
            count: z.int().min(0).describe('How often it would have acted since the policy last changed.'),
            principals: z.int().min(0).describe('For how many principals.'),
          }),
        )
        .max(128)
        .optional()
        .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['rule'] })
        .describe('Rules in Observe that would have refused, hidden, asked or quarantined something.'),
    })
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

/** Who decides calls that a rule asks about. */
export type ApproversSpec = z.output<typeof approvers>;

/** Status of a ToolPolicy. */
export type ToolPolicyStatus = z.output<typeof toolPolicy.status>;
