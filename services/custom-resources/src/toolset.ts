import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { listOf, resourceName } from './fields.ts';

const toolName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\s/]+$/);
const value = z.string().max(4096);

const argument = withRules(
  z.object({
    name: toolName.describe('Argument of the tool, a member at the top of its input schema.'),
    fixed: value
      .optional()
      .describe(
        'The value, as JSON; what is no JSON stands for itself. Callers are not shown the argument and may not give it.',
      ),
    oneOf: z
      .array(value)
      .min(1)
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .optional()
      .describe('The values that may be given, written as `fixed` is.'),
    maxLength: z.int().min(0).max(1_000_000).optional().describe('Most characters of a text that may be given.'),
    hidden: z.boolean().default(false).describe('The argument is not shown and may not be given.'),
  }),
  [
    {
      cel: 'has(self.fixed) || has(self.oneOf) || has(self.maxLength) || self.hidden',
      message: 'an argument must be fixed, hidden or narrowed',
      holds: (a) => a.fixed !== undefined || a.oneOf !== undefined || a.maxLength !== undefined || a.hidden,
    },
    {
      cel: '!(has(self.fixed) || self.hidden) || (!has(self.oneOf) && !has(self.maxLength))',
      message: 'what is fixed or hidden cannot be narrowed',
      holds: (a) => !(a.fixed !== undefined || a.hidden) || (a.oneOf === undefined && a.maxLength === undefined),
    },
  ],
);

const pick = withRules(
  z.object({
    server: resourceName.describe('ToolServer in this namespace.'),
    tool: toolName.describe('Name of the tool at its server; `*` stands for any characters.'),
    as: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$/)
      .optional()
      .describe('Name under which it is listed and called here. Left out: the name that it has at /mcp.'),
    description: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe('What callers are told of it. Left out: its own text.'),
    arguments: listOf(argument, 32, 'name').default([]).describe('Arguments that are set here, left out or narrowed.'),
  }),
  [
    {
      cel: "!self.tool.contains('*') || (!has(self.as) && !has(self.description) && size(self.arguments) == 0)",
      message: 'a pattern picks tools as they are: as, description and arguments need the name of one tool',
      fieldPath: '.tool',
      holds: (p) =>
        !p.tool.includes('*') || (p.as === undefined && p.description === undefined && p.arguments.length === 0),
    },
  ],
);

const spec = z.object({
  title: z.string().min(1).max(128).optional().describe('What clients show. Left out: the name.'),
  instructions: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('What clients are told of the server when they begin; many give it to the model.'),
  mode: z
    .enum(['All', 'Search'])
    .default('All')
    .describe(
      'What is listed. All: the tools. Search: two tools of the gateway, to search them and to call what was found. A client chooses for itself with ?tools=all or ?tools=search behind the URL. On the model plane a model is given what this says.',
    ),
  tools: z
    .array(pick)
    .min(1)
    .max(128)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The tools, in any order; where two have one name the first has it.'),
});

/** Toolset: a virtual MCP server at `/mcp/<name>` over tools of ToolServers. It grants nothing: AccessPolicy does. */
export const toolset = defineResource({
  kind: 'Toolset',
  plural: 'toolsets',
  shortNames: ['tset'],
  description:
    'A virtual MCP server at /mcp/<name>: tools of ToolServers, picked, renamed and narrowed. What a caller may use of it AccessPolicies say.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      toolCount: z.int().min(0).optional().describe('How many tools it has, for who may use them all.'),
      definitionTokens: z
        .int()
        .min(0)
        .optional()
        .describe(
          'What their definitions take in the context of a model together, estimated; nearly nothing with mode Search.',
        ),
    })
    .describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Title', type: 'string', jsonPath: '.spec.title', priority: 1 },
    { name: 'Tools', type: 'integer', jsonPath: '.status.toolCount' },
    { name: 'Tokens', type: 'integer', jsonPath: '.status.definitionTokens' },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'ResolvedRefs', 'Ready'],
});

/** Spec of a Toolset with defaults filled in. */
export type ToolsetSpec = z.output<typeof spec>;

/** What `fixed` and `oneOf` stand for: JSON, else the text itself. */
export function meant(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
