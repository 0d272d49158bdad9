import { GatewayError } from '@sallyport/chassis/errors';
import { z } from 'zod';
import type { Clients } from '../clients.ts';
import { fields, timeOf } from '../fields.ts';
import { costOf } from '../money.ts';
import { ownPrincipals } from '../own-principals.ts';
import { defineRoute, type Route } from '../route.ts';

const DIMENSIONS = [
  'key',
  'user',
  'team',
  'customer',
  'model',
  'provider',
  'client',
  'feature',
  'project',
  'variant',
  'promptVersion',
] as const;
const GROUPS = new Set<string>([...DIMENSIONS, 'day']);
const MAX_GROUPS = 4;
const DEFAULT_SPAN_MS = 30 * 24 * 3600 * 1000;

const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .optional()
  .describe('RFC 3339 time, or a date (its first instant in UTC).');

const filters = Object.fromEntries(
  DIMENSIONS.map((name) => [name, z.string().max(256).optional().describe(`Only where ${name} is this.`)]),
) as Record<(typeof DIMENSIONS)[number], z.ZodOptional<z.ZodString>>;

const query = z
  .strictObject({
    groupBy: z
      .string()
      .default('')
      .describe(`Up to ${MAX_GROUPS} of ${[...GROUPS].join(', ')}, separated by commas. Empty: one row for all.`),
    from: instant.describe('First instant; 30 days before `to` when left out. RFC 3339 time or a date.'),
    to: instant.describe('First instant no longer counted; now when left out. RFC 3339 time or a date.'),
    ...filters,
  })
  .superRefine(({ groupBy }, check) => {
    const names = namesOf(groupBy);
    const unknown = names.find((name) => !GROUPS.has(name));
    if (unknown !== undefined) {
      check.addIssue({ code: 'custom', path: ['groupBy'], message: `must be of ${[...GROUPS].join(', ')}` });
    }
    if (names.length > MAX_GROUPS) check.addIssue({ code: 'custom', path: ['groupBy'], message: 'has too many names' });
  });

const row = z
  .object({
    group: z.record(z.string(), z.string()).describe('Value of each name in `groupBy`.'),
    requests: fields.count,
    errors: fields.count,
    toolCalls: fields.count,
    inputTokens: fields.count,
    outputTokens: fields.count,
    cacheReadTokens: fields.count,
    costUsd: fields.costUsd,
    costNanoUsd: fields.costNanoUsd,
    unpriced: fields.count.describe('Requests whose price was unknown: they are missing from the cost.'),
  })
  .meta({ id: 'UsageRow' });

/** What was used and what it cost. A Member sees their own use, of all their keys. */
export function usageRoutes(clients: Pick<Clients, 'queries' | 'keys'>, now: () => number = Date.now): Route[] {
  const { queries } = clients;
  return [
    defineRoute({
      method: 'get',
      path: '/usage',
      operationId: 'getUsage',
      summary: 'Requests, tokens and cost, by group.',
      roles: ['Member', 'Auditor', 'Admin'],
      query,
      status: 200,
      response: z
        .object({ from: fields.time, to: fields.time, groupBy: z.array(z.string()), rows: z.array(row) })
        .meta({ id: 'Usage' }),
      async handle({ caller, query: asked, patience }) {
        const toMs = asked.to === undefined ? now() : Date.parse(asked.to);
        const fromMs = asked.from === undefined ? toMs - DEFAULT_SPAN_MS : Date.parse(asked.from);
        if (fromMs >= toMs) throw new GatewayError('invalid_request', '`from` must be before `to`.');
        const groupBy = namesOf(asked.groupBy);
        const principalIds = await ownPrincipals(caller, clients, patience);
        const { rows } = await queries.usage(
          { tenant: caller.principal.tenant, fromMs, toMs, groupBy, filters: filtersOf(asked), principalIds },
          patience,
        );
        return {
          from: timeOf(fromMs),
          to: timeOf(toMs),
          groupBy,
          rows: rows.map(({ group, requests, errors, toolCalls, unpriced, ...sums }) => ({
            group,
            requests,
            errors,
            toolCalls,
            inputTokens: sums.inputTokens,
            outputTokens: sums.outputTokens,
            cacheReadTokens: sums.cacheReadTokens,
            ...costOf(sums.costNanoUsd),
            unpriced,
          })),
        };
      },
    }),
  ];
}

function filtersOf(asked: z.output<typeof query>): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const name of DIMENSIONS) {
    const value = asked[name];
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}

function namesOf(groupBy: string): string[] {
  return [...new Set(groupBy.split(',').map((name) => name.trim()))].filter((name) => name !== '');
}
