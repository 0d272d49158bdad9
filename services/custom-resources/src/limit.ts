import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { decimalUsd, duration, externalName, glob, pickedTools, setOf } from './fields.ts';
import { inForceSchema } from './in-force.ts';

const selection = z.object({
  keys: setOf(externalName, 256).default([]).describe('Virtual keys, by name of the resource or by id of the key.'),
  users: setOf(externalName, 256).default([]).describe('Users by id.'),
  teams: setOf(externalName, 256).default([]).describe('Teams by name.'),
  customers: setOf(externalName, 256).default([]).describe('Customers by name.'),
  models: setOf(glob, 256).default([]).describe('Public names of models; * stands for any characters.'),
  tools: pickedTools.describe('Tools of tool servers: then calls of them count and nothing else, on both planes.'),
});

const match = withRules(selection, [
  {
    cel: 'size(self.models) == 0 || size(self.tools) == 0',
    message: 'no request is both a call of a model and of a tool: models and tools exclude each other',
    holds: (m) => m.models.length === 0 || m.tools.length === 0,
  },
]);

const spec = withRules(
  z.object({
    match: match
      .prefault({})
      .describe('Requests that count: those that fit each list that is not empty. All empty: every request.'),
    per: z
      .enum(['Key', 'User', 'Team', 'Customer', 'Model', 'Trajectory', 'Tenant'])
      .describe('What has a counter of its own.'),
    requests: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe('Most requests in the window: turns of models and calls of tools at /mcp, or what match picks.'),
    tokens: z.int().min(1).max(1_000_000_000_000).optional().describe('Most tokens, input and output, in the window.'),
    usd: decimalUsd.optional().describe('Most money in the window, USD as a decimal string.'),
    steps: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Most steps (model calls, tool calls, quarantine exchanges).'),
    concurrency: z.int().min(1).max(1_000_000).optional().describe('Most of them at the same time.'),
    window: duration
      .optional()
      .describe('Length of the window, for example 1m, 24h, 720h. None per Trajectory, or for concurrency alone.'),
    failurePolicy: z
      .enum(['Open', 'Closed'])
      .optional()
      .describe('What happens while the count cannot be known. Default: Closed when usd is set, else Open.'),
  }),
  [
    {
      cel: 'has(self.requests) || has(self.tokens) || has(self.usd) || has(self.steps) || has(self.concurrency)',
      message: 'at least one of requests, tokens, usd, steps and concurrency must be given',
      holds: (s) => [s.requests, s.tokens, s.usd, s.steps, s.concurrency].some((bound) => bound !== undefined),
    },
    {
      cel: "size(self.match.tools) == 0 || (self.per != 'Model' && !has(self.tokens) && !has(self.usd))",
      message: 'a call of a tool has no model, tokens or money: with match.tools requests, steps and concurrency count',
      holds: (s) => s.match.tools.length === 0 || (s.per !== 'Model' && s.tokens === undefined && s.usd === undefined),
    },
    {
      cel: "has(self.window) == (self.per != 'Trajectory' && (has(self.requests) || has(self.tokens) || has(self.usd) || has(self.steps)))",
      message: 'window is required, but must be absent when per is Trajectory or concurrency is the only bound',
      holds: (s) =>
        (s.window !== undefined) ===
        (s.per !== 'Trajectory' && [s.requests, s.tokens, s.usd, s.steps].some((bound) => bound !== undefined)),
    },
  ],
);

/** Limit: how much may be used. */
export const limit = defineResource({
  kind: 'Limit',
  plural: 'limits',
  shortNames: ['lim'],
  description: 'How many requests, tokens, steps or how much money may be used, by whom, in which window.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({ conditions: conditionsSchema, observedGeneration: observedGenerationSchema, inForce: inForceSchema })
    .describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Per', type: 'string', jsonPath: '.spec.per' },
    { name: 'Window', type: 'string', jsonPath: '.spec.window' },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'Ready'],
  complete: (s) => ({ ...s, failurePolicy: s.failurePolicy ?? (s.usd === undefined ? 'Open' : 'Closed') }),
});

/** Spec of a Limit with defaults filled in; `parse` has set `failurePolicy`. */
export type LimitSpec = z.output<typeof spec>;

/** Status of a Limit. */
export type LimitStatus = z.output<typeof limit.status>;
