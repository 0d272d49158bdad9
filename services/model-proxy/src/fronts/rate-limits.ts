import type { GatewayError } from '@sallyport/chassis/errors';
import type { Allowance, Reservation } from '@sallyport/peers/limits';
import type { FrontDialect } from '../chat/message.ts';
import type { ClientAnswer } from '../http/client-answer.ts';

/** Names of the headers of one dimension. */
interface Names {
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

/** What clients of model APIs know of limits; money, steps and concurrency have no headers there. */
const DIMENSIONS = ['requests', 'tokens'] as const;
type Told = (typeof DIMENSIONS)[number];

/** What takes headers. */
type Headed = Pick<ClientAnswer, 'header'>;

const OPENAI: Readonly<Record<Told, Names>> = { requests: openAiNames('requests'), tokens: openAiNames('tokens') };
const ANTHROPIC: Readonly<Record<Told, Names>> = {
  requests: anthropicNames('requests'),
  tokens: anthropicNames('tokens'),
};

/**
 * Says what is left of the tightest Limits that applied, in the headers that the dialect's own provider has; nothing where none
 * did.
 */
export function tellRateLimits(dialect: FrontDialect, reserved: Reservation | undefined, to: Headed): void {
  if (reserved === undefined) return;
  const nowMs = Date.now();
  for (const dimension of DIMENSIONS) {
    const allowance = reserved.allowance(dimension, nowMs);
    if (allowance !== undefined) tell(dialect, dimension, allowance, nowMs, to);
  }
}

/** Says the same of the Limit that refused a request; nothing of other refusals. */
export function tellRefusingLimit(dialect: FrontDialect, { details }: GatewayError, to: Headed): void {
  const dimension = DIMENSIONS.find((one) => one === details?.dimension);
  if (dimension === undefined || typeof details?.value !== 'number' || typeof details.remaining !== 'number') return;
  const { value: limit, remaining, resetsAt } = details;
  const resetsAtMs = typeof resetsAt === 'string' ? Date.parse(resetsAt) : 0;
  tell(dialect, dimension, { limit, remaining: Math.floor(remaining), resetsAtMs }, Date.now(), to);
}

function tell(
  dialect: FrontDialect,
  dimension: Told,
  { limit, remaining, resetsAtMs }: Allowance,
  nowMs: number,
  to: Headed,
): void {
  const isAnthropic = dialect === 'anthropic-messages';
  const names = (isAnthropic ? ANTHROPIC : OPENAI)[dimension];
  to.header(names.limit, String(limit));
  to.header(names.remaining, String(remaining));
  if (resetsAtMs <= 0) return;
  to.header(names.reset, isAnthropic ? instant(resetsAtMs) : period(resetsAtMs - nowMs));
}

/** A time as OpenAI says it: `650ms`, `12s`, `6m0s`, `1h0m0s`. */
function period(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const all = Math.ceil(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** RFC 3339, in whole seconds as Anthropic has it. */
function instant(ms: number): string {
  return `${new Date(Math.ceil(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

function openAiNames(dimension: Told): Names {
  return {
    limit: `x-ratelimit-limit-${dimension}`,
    remaining: `x-ratelimit-remaining-${dimension}`,
    reset: `x-ratelimit-reset-${dimension}`,
  };
}

function anthropicNames(dimension: Told): Names {
  const name = `anthropic-ratelimit-${dimension}`;
  return { limit: `${name}-limit`, remaining: `${name}-remaining`, reset: `${name}-reset` };
}
