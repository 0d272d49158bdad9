import { z } from 'zod';
import { setOf } from './fields.ts';

/** Kinds of content that a model takes or gives. */
export const modality = z.enum(['Text', 'Image', 'Audio', 'Video', 'File']);

const tokens = z.int().min(1).max(100_000_000);
const able = (what: string) => z.boolean().optional().describe(`${what} Left out: as the catalogue knows it.`);

/** What a target can do, where the catalogue does not know it or is wrong. */
export const targetCapabilities = z.object({
  contextTokens: tokens.optional().describe('Most tokens of prompt and answer together.'),
  maxOutputTokens: tokens.optional().describe('Most tokens of one answer.'),
  input: setOf(modality, 5).optional().describe('Kinds of content that may stand in a prompt.'),
  output: setOf(modality, 5).optional().describe('Kinds of content that an answer may hold.'),
  tools: able('Whether it calls tools.'),
  parallelTools: able('Whether it may call several tools in one answer.'),
  toolChoice: able('Whether it can be made to call a tool, or a certain one.'),
  jsonSchema: able('Whether its answers can be held to a JSON schema.'),
  reasoning: able('Whether it reasons before it answers.'),
  logprobs: able('Whether it tells the odds of its words.'),
  seed: able('Whether it takes a seed.'),
  severalAnswers: able('Whether it gives several answers to one request.'),
  promptCache: able('Whether the provider keeps prompts that begin alike.'),
  streaming: able('Whether it streams.'),
  retrieves: able('Whether it searches or browses by itself: what it answers is then untrusted.'),
});

/** Fields of a target that say where it is and what it can do. */
export const catalogueFields = {
  capabilities: targetCapabilities.optional().describe('What the target can do, before what the catalogue says of it.'),
  region: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and "-", for example eu or us-east-1')
    .optional()
    .describe('Where the target works, in words of your own such as eu or us-east-1. Left out: unknown.'),
  dataCollection: z
    .enum(['Allow', 'Deny'])
    .optional()
    .describe('Whether the provider may keep or train on what it is sent. Left out: unknown.'),
};

/** What a target declares of itself. */
export type TargetCapabilities = z.output<typeof targetCapabilities>;

/** A time as Kubernetes writes it, in UTC. */
const since = z
  .string()
  .max(20)
  .regex(
    /^[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$/,
    'must be a time such as 2026-12-01T00:00:00Z',
  )
  .refine((text) => !Number.isNaN(Date.parse(text)), { message: 'is no time' });

/** The prices of a Model that change at a time, made of the schema of its price. */
export function datedPrices<Price extends z.ZodObject>(price: Price) {
  return z
    .array(
      z.object({
        effectiveFrom: since.describe('When it begins to count, in UTC.'),
        price: price.describe('What a call costs from then on.'),
      }),
    )
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['effectiveFrom'] })
    .optional()
    .describe(
      'Prices by the time from which they count. Before the first of them `price` counts, else the price list.',
    );
}
