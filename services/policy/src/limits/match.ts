import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { matchesAny, matchesGlob } from '../rules/glob.ts';
import type { LimitUnit } from '../snapshot/units.ts';

/** What a Limit can bound. */
export const DIMENSIONS = ['requests', 'tokens', 'nano_usd', 'steps', 'concurrency'] as const;
/** One of them. */
export type Dimension = (typeof DIMENSIONS)[number];

/** Who spends, and on what. */
export interface Spender {
  readonly principal: Principal;
  /** Public model name; empty for a tool call. */
  readonly model: string;
  readonly trajectory: string;
  /** Asserted customer; empty: that of the key. */
  readonly customer: string;
  /** Tool that is called, "<server>/<tool>"; empty for a model call. */
  readonly tool: string;
  /** Only Limits that pick tools count. */
  readonly toolLimitsOnly: boolean;
}

/** One counter that a spender counts against. */
export interface Counted {
  readonly limit: LimitUnit;
  readonly dimension: Dimension;
  /** Most that may be spent. */
  readonly bound: number;
  /** What the counter is of: "key:…", "trajectory:…". */
  readonly subject: string;
}

/** The Limits that select a spender, whatever it needs. */
export function limitsOf(limits: readonly LimitUnit[], spender: Spender): LimitUnit[] {
  return limits.filter((limit) => selects(limit, spender) && subjectsOf(limit, spender).length > 0);
}

/** The counters of some Limits for what is needed; of several teams, each has its own. */
export function countersOf(limits: readonly LimitUnit[], spender: Spender, needed: ReadonlySet<Dimension>): Counted[] {
  return limits.flatMap((limit) =>
    subjectsOf(limit, spender).flatMap((subject) =>
      DIMENSIONS.flatMap((dimension) => {
        const bound = limit.bounds.get(dimension);
        return bound === undefined || !needed.has(dimension) ? [] : [{ limit, dimension, bound, subject }];
      }),
    ),
  );
}

function selects({ match }: LimitUnit, spender: Spender): boolean {
  const { principal, model, customer, tool, toolLimitsOnly } = spender;
  const { keys, users, teams, customers, models, tools } = match;
  if (tools.length > 0 ? !picks(tools, tool) : toolLimitsOnly) return false;
  const oneOf = (list: readonly string[], names: readonly string[]) =>
    list.length === 0 || names.some((name) => name !== '' && list.includes(name));
  return (
    oneOf(keys, [principal.keyId, principal.keyId === '' ? '' : principal.name]) &&
    oneOf(users, [principal.user]) &&
    oneOf(teams, principal.teams) &&
    oneOf(customers, [customer || principal.customer]) &&
    (models.length === 0 || (model !== '' && matchesAny(models, model)))
  );
}

function picks(tools: LimitUnit['match']['tools'], called: string): boolean {
  const at = called.indexOf('/');
  if (at < 0) return false;
  const [ofServer, ofTool] = [called.slice(0, at), called.slice(at + 1)];
  return tools.some(({ server, tool }) => matchesGlob(server, ofServer) && matchesGlob(tool, ofTool));
}

/** What the counters of a Limit are of. Where there is nothing to count per (no team, no model), it does not count. */
function subjectsOf({ per }: LimitUnit, { principal, model, trajectory, customer }: Spender): string[] {
  switch (per) {
    case 'Key':
      return [principal.keyId === '' ? principal.id : `key:${principal.keyId}`];
    case 'User':
      // A key without an owner must not escape a limit per user: it stands for itself.
      return [principal.user === '' ? principal.id : `user:${principal.user}`];
    case 'Team':
      return principal.teams.map((team) => `team:${team}`);
    case 'Customer': {
      const name = customer || principal.customer;
      return name === '' ? [] : [`customer:${name}`];
    }
    case 'Model':
      return model === '' ? [] : [`model:${model}`];
    case 'Trajectory':
      return trajectory === '' ? [] : [`trajectory:${trajectory}`];
    case 'Tenant':
      return [`tenant:${principal.tenant}`];
  }
}
