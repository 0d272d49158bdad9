import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { entryName, listOf, setOf } from './fields.ts';

/** A decimal number as a string, since resources hold no floats; bounds are checked by who reads it. */
const decimal = (least: number, most: number) =>
  z
    .string()
    .max(8)
    .regex(/^-?(0|[1-9][0-9]?)(\.[0-9]{1,4})?$/, 'must be a decimal string such as "0.2"')
    .refine((text) => Number(text) >= least && Number(text) <= most, {
      message: `must be between ${least} and ${most}`,
    });

const responseFormat = withRules(
  z.object({
    type: z.enum(['JsonObject', 'JsonSchema']).describe('Form of the answer.'),
    name: entryName.optional().describe('Name of the schema, as some providers want one.'),
    schema: z
      .string()
      .max(32_768)
      .refine(isJsonObject, { message: 'must be a JSON object' })
      .optional()
      .describe('The JSON schema, as JSON text.'),
    strict: z.boolean().optional().describe('Whether the provider is to hold the answer to the schema exactly.'),
  }),
  [
    {
      cel: "(self.type == 'JsonSchema') == has(self.schema)",
      message: 'schema stands with type JsonSchema, and with no other',
      fieldPath: '.schema',
      holds: (one) => (one.type === 'JsonSchema') === (one.schema !== undefined),
    },
  ],
);

const parameters = z.object({
  temperature: decimal(0, 2).optional().describe('Sampling temperature, a decimal string from 0 to 2.'),
  topP: decimal(0, 1).optional().describe('Nucleus sampling, a decimal string from 0 to 1.'),
  topK: z.int().min(1).max(1000).optional().describe('Among how many of the likeliest tokens is chosen.'),
  frequencyPenalty: decimal(-2, 2).optional().describe('Penalty of tokens by how often they stood before, -2 to 2.'),
  presencePenalty: decimal(-2, 2).optional().describe('Penalty of tokens that stood before, -2 to 2.'),
  seed: z.int().min(0).max(2_147_483_647).optional().describe('Seed, for answers that are alike.'),
  maxTokens: z.int().min(1).max(10_000_000).optional().describe('Most output tokens of an answer.'),
  stop: setOf(z.string().min(1).max(256), 4).optional().describe('Texts at which the answer ends.'),
  reasoningEffort: z
    .enum(['None', 'Minimal', 'Low', 'Medium', 'High', 'Max'])
    .optional()
    .describe('How much is reasoned before the answer.'),
  responseFormat: responseFormat.optional().describe('Form of the answer.'),
});

const variable = withRules(
  z.object({
    name: z
      .string()
      .max(63)
      .regex(/^[a-z][A-Za-z0-9_]*$/)
      .describe('Name that stands in double braces in the texts.'),
    principal: z
      .enum(['User', 'Teams', 'Customer', 'Client', 'Tenant'])
      .optional()
      .describe('Takes what is known of the principal.'),
    metadata: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9_.-]+$/)
      .optional()
      .describe("Takes a field of the request's metadata: the client's own claim."),
    allowed: setOf(z.string().max(256), 256)
      .optional()
      .describe('The values that are taken; any other counts as none. Left out: every value.'),
    default: z.string().max(256).default('').describe('Stands where there is no value.'),
    maxLength: z.int().min(1).max(1024).default(128).describe('Characters of a value that are taken.'),
  }),
  [
    {
      cel: 'has(self.principal) != has(self.metadata)',
      message: 'a variable takes its value from principal or from metadata: set one of them',
      holds: (one) => (one.principal === undefined) !== (one.metadata === undefined),
    },
  ],
);

const texts = z.array(z.string().min(1).max(16_384)).max(16).default([]).meta({ 'x-kubernetes-list-type': 'atomic' });

const decoration = z
  .object({
    prepend: texts.describe(
      'System texts put before those of the client; a name in double braces stands for a variable.',
    ),
    append: texts.describe(
      'System texts put behind those of the client; a name in double braces stands for a variable.',
    ),
    variables: listOf(variable, 32, 'name')
      .default([])
      .describe(
        'What may stand in double braces. Values are put in as one line of plain text and are never read for variables again.',
      ),
    defaults: parameters.prefault({}).describe('Parameters for requests that do not say them.'),
    forced: parameters.prefault({}).describe('Parameters that stand, whatever a request says.'),
  })
  .superRefine((value, context) => {
    const known = new Set(value.variables.map(({ name }) => name));
    for (const field of ['prepend', 'append'] as const) {
      for (const [index, text] of value[field].entries()) {
        for (const name of variablesIn(text)) {
          if (known.has(name)) continue;
          context.addIssue({ code: 'custom', message: `no variable is named "${name}"`, path: [field, index] });
        }
      }
    }
  });

/** Fields of a Model that say what is put into requests before they are sent. */
export const decorationFields = {
  decoration: decoration
    .optional()
    .describe('What is put into each request: system texts, and parameters that are default or forced.'),
};

/** The names that stand in {{braces}} in a text, in order. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map(([, name = '']) => name);
}

/** A text with its variables filled in by `value`; what is filled in is not looked at again. */
export function filledText(text: string, value: (name: string) => string): string {
  return text.replace(VARIABLE, (_all, name: string) => value(name));
}

const VARIABLE = /\{\{\s*([A-Za-z0-9_.]+)\s*\}\}/g;

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** What a Model puts into requests. */
export type ModelDecoration = z.output<typeof decoration>;

/** Parameters as a resource says them. */
export type DecorationParameters = z.output<typeof parameters>;

/** A variable of the texts. */
export type DecorationVariable = z.output<typeof variable>;
