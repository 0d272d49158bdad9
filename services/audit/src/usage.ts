import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres } from '@sallyport/chassis/postgres';

/** What is asked about use. Times in epoch milliseconds; `to` is not included. */
export interface UsageQuestion {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly groupBy: readonly string[];
  readonly filters: Readonly<Record<string, string>>;
  /** Any: only use by one of these. */
  readonly principalIds: readonly string[];
}

/** Use of one group. */
export interface UsageTotals {
  readonly group: Record<string, string>;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly costNanoUsd: number;
  readonly unpriced: number;
  readonly toolCalls: number;
}

/** Dimension → SQL. Only what stands here reaches the statement as text. */
const DIMENSIONS: Readonly<Record<string, string>> = {
  key: 'r.key_id',
  user: 'r.user_id',
  team: 't.team',
  customer: 'r.customer',
  model: 'r.model',
  provider: 'r.provider',
  client: 'r.client',
  feature: 'r.feature',
  project: 'r.project',
  variant: 'r.variant',
  promptVersion: 'r.prompt_version',
  day: `to_char(r.started_at at time zone 'UTC', 'YYYY-MM-DD')`,
};
const MAX_ROWS = 10_000;

/** Builds the statement for a question. Throws `invalid_request` for a dimension that is none. */
export function usageStatement(question: UsageQuestion): { readonly text: string; readonly values: unknown[] } {
  const groups = [...new Set(question.groupBy)];
  const values: unknown[] = [question.tenant, question.fromMs, question.toMs];
  const where = Object.entries(question.filters).map(([name, value]) => {
    values.push(value);
    return name === 'team' ? `$${values.length} = any (r.teams)` : `${columnOf(name)} = $${values.length}`;
  });
  if (question.principalIds.length > 0) {
    values.push(question.principalIds);
    where.push(`r.principal_id = any ($${values.length})`);
  }
  const columns = groups.map((name, index) => `${columnOf(name)} as g${index}`);
  // A record of somebody in two teams counts for both; without a team it counts for none, shown as an empty name.
  const teams = groups.includes('team')
    ? `cross join lateral unnest(case when cardinality(r.teams) = 0 then array[''] else r.teams end) as t (team)`
    : '';
  const positions = groups.map((_, index) => index + 1).join(', ');
  return {
    values,
    text: `select ${[...columns, TOTALS].join(', ')} from records r ${teams}
      where r.tenant = $1 and r.started_at >= to_timestamp($2 / 1000.0) and r.started_at < to_timestamp($3 / 1000.0)
        and r.kind in (1, 2, 3, 7) ${where.map((condition) => `and ${condition}`).join(' ')}
      ${positions === '' ? '' : `group by ${positions} order by ${positions}`} limit ${MAX_ROWS}`,
  };
}

// A request is a model call or one that was refused before it; sums are exact: bigint adds up as numeric.
const TOTALS = `count(*) filter (where r.kind in (1, 7))::float8 as requests,
  count(*) filter (where r.kind = 7 or (r.kind = 1 and r.outcome <> 'ok'))::float8 as errors,
  coalesce(sum(r.input_tokens) filter (where r.kind = 1), 0)::float8 as input_tokens,
  coalesce(sum(r.output_tokens) filter (where r.kind = 1), 0)::float8 as output_tokens,
  coalesce(sum(r.cache_read_tokens) filter (where r.kind = 1), 0)::float8 as cache_read_tokens,
  coalesce(sum(r.cost_nano_usd) filter (where r.kind = 1), 0)::float8 as cost_nano_usd,
  count(*) filter (where r.kind = 1 and r.cost_nano_usd is null)::float8 as unpriced,
  count(distinct coalesce(r.intent_id, r.id)) filter (where r.kind in (2, 3))::float8 as tool_calls`;

/** Answers a question about use within the tenant. */
export async function usageOf(postgres: Postgres, question: UsageQuestion): Promise<UsageTotals[]> {
  const { text, values } = usageStatement(question);
  const { rows } = await postgres.withTenant(question.tenant, (client) => client.query(text, values));
  const groups = [...new Set(question.groupBy)];
  return rows
    .map((row) => ({
      group: Object.fromEntries(groups.map((name, index) => [name, row[`g${index}`] as string])),
      requests: row.requests as number,
      errors: row.errors as number,
      inputTokens: row.input_tokens as number,
      outputTokens: row.output_tokens as number,
      cacheReadTokens: row.cache_read_tokens as number,
      costNanoUsd: row.cost_nano_usd as number,
      unpriced: row.unpriced as number,
      toolCalls: row.tool_calls as number,
    }))
    .filter((row) => groups.length === 0 || row.requests + row.toolCalls > 0);
}

function columnOf(name: string): string {
  const column = Object.hasOwn(DIMENSIONS, name) ? DIMENSIONS[name] : undefined;
  if (column === undefined) {
    throw new GatewayError('invalid_request', `Usage is not known by ${JSON.stringify(name)}.`, {
      details: { known: Object.keys(DIMENSIONS) },
    });
  }
  return column;
}
