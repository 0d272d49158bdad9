import { z } from 'zod';
import { decimalUsd, duration } from './fields.ts';

/** `sampling` of a ToolServer: whether, and how far, the server may have a model asked in the course of a call. */
export const serverSampling = z.object({
  model: z
    .string()
    .min(1)
    .max(128)
    .describe(
      'Public name of the Model that answers, whatever the server would prefer; charged to who called the tool.',
    ),
  maxTokens: z
    .int()
    .min(1)
    .max(32_768)
    .default(1024)
    .describe('Longest answer in tokens; what the server asks beyond is cut.'),
  requestsPerCall: z.int().min(1).max(64).default(4).describe('Most requests in the course of one call of a tool.'),
  requests: z.int().min(1).max(1_000_000).default(60).describe('Most requests in the window, of all callers.'),
  tokens: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe('Most tokens, input and output, in the window; the request that reaches it is the last.'),
  usd: decimalUsd
    .optional()
    .describe('Most money in the window, USD as a decimal string; the request that reaches it is the last.'),
  window: duration
    .default('1h')
    .describe('Length of the window. It is counted in each replica; a Limit on the Model counts over all.'),
});

/** Only a server that speaks MCP can ask. */
export const samplingRule = {
  cel: '!has(self.sampling) || has(self.remote) || has(self.hosted)',
  message: 'sampling is for servers that speak MCP: remote and hosted',
  fieldPath: '.sampling',
  holds: (spec: { readonly sampling?: unknown; readonly remote?: unknown; readonly hosted?: unknown }): boolean =>
    spec.sampling === undefined || spec.remote !== undefined || spec.hosted !== undefined,
};

/** What a server may have a model asked, with defaults filled in. */
export type ServerSampling = z.output<typeof serverSampling>;
