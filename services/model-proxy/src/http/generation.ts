import { setTimeout as pause } from 'node:timers/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import { clientGone } from '@sallyport/chassis/http/server';
import { timeOfUuidv7 } from '@sallyport/chassis/uuid';
import type { Record as AuditRecord } from '@sallyport/proto/audit/v1/audit_pb';
import type { Request, Response } from 'express';
import type { UnifiedFinish } from '../chat/finish.ts';
import type { JsonObject } from '../chat/message.ts';
import { authorise } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import type { Attempt, Saved } from '../turn/record.ts';
import { encodeFinish } from '../wire/openai-chat/usage.ts';

const TIMEOUT_MS = 5_000;
/** Records are under way for a moment (a batch, and its commit); of what is older, all has come. */
const UNDER_WAY_MS = 500;
const YOUNG_MS = 60_000;

/**
 * `GET /v1/generation?id=…` as OpenRouter has it: what an answer took and cost, by the id of its turn, which header
 * `sallyport-turn` tells. Only whoever asked for the answer is told; to others it is as if there was none.
 */
export function retrieveGeneration(gate: Gate) {
  return async (req: Request, res: Response): Promise<void> => {
    const signal = clientGone(res);
    const { principal } = await authorise(gate, gate.ingress.credentialOf(req), 'generation', signal);
    const { id } = req.query;
    if (typeof id !== 'string' || id === '') {
      throw new GatewayError('invalid_request', 'id must be what sallyport-turn says.', { details: { param: 'id' } });
    }
    const turn = id.toLowerCase();
    const beganMs = timeOfUuidv7(turn);
    const find = async () => {
      const asked = { tenant: principal.tenant, turn, principalId: principal.id };
      const { records } = await gate.clients.turns.listModelCalls(asked, { timeoutMs: TIMEOUT_MS, signal });
      // A copy of the request is none of its answers.
      return records.filter(({ endpoint }) => endpoint !== 'shadow');
    };
    let calls = Number.isNaN(beganMs) ? [] : await find();
    if (calls.length === 0 && Date.now() - beganMs < YOUNG_MS) {
      await pause(UNDER_WAY_MS);
      calls = await find();
    }
    if (calls.length === 0) {
      throw new GatewayError('not_found', 'There is no such generation.', { details: { param: 'id' } });
    }
    res.json({ data: generationOf(turn, beganMs, calls) });
  };
}

/** A generation of the model calls of a turn, oldest first and at least one. What no record says is null. */
export function generationOf(id: string, beganMs: number, calls: readonly AuditRecord[]): JsonObject {
  const last = calls.at(-1) as AuditRecord;
  const sum = (of: (call: AuditRecord) => number) => calls.reduce((total, call) => total + of(call), 0);
  const cost = calls.some(({ costNanoUsd }) => costNanoUsd < 0) ? null : usd(sum(({ costNanoUsd }) => costNanoUsd));
  const [prompt, completion] = [sum(({ inputTokens }) => inputTokens), sum(({ outputTokens }) => outputTokens)];
  const native = (tokens: number) => (calls.some(({ usageEstimated }) => usageEstimated) ? null : tokens);
  const endedMs = Math.max(...calls.map(({ startedAtMs, durationMs }) => startedAtMs + durationMs));
  return {
    id,
    created_at: new Date(beganMs).toISOString(),
    model: servedBy(last),
    provider_name: last.provider || null,
    streamed: last.stream,
    cancelled: last.outcome === 'cancelled',
    finish_reason: finishOf(last),
    tokens_prompt: prompt,
    tokens_completion: completion,
    native_tokens_prompt: native(prompt),
    native_tokens_completion: native(completion),
    native_tokens_cached: native(sum(({ cacheReadTokens }) => cacheReadTokens)),
    native_tokens_reasoning: native(sum(({ reasoningTokens }) => reasoningTokens)),
    total_cost: cost,
    usage: cost,
    cache_discount: discountOf(calls),
    latency: Math.round(endedMs - beganMs),
    generation_time: Math.round(sum(({ durationMs }) => durationMs)),
    ...UNKNOWN,
  };
}

/** What OpenRouter tells besides, and no record says. */
const UNKNOWN: JsonObject = Object.fromEntries(
  [
    'upstream_id',
    'upstream_inference_cost',
    'app_id',
    'moderation_latency',
    'native_finish_reason',
    'native_tokens_completion_images',
    'num_media_prompt',
    'num_media_completion',
    'num_search_results',
    'origin',
    'is_byok',
    'external_user',
    'api_type',
    'router',
  ].map((field) => [field, null]),
);

/** The Model that answered: the one that was asked for, or the one that was fallen back to. */
function servedBy({ model, attemptsJson }: AuditRecord): string {
  const attempts = parsed<Attempt[]>(attemptsJson) ?? [];
  return attempts.at(-1)?.via ?? model;
}

function finishOf({ finishReason }: AuditRecord): string | null {
  if (finishReason === '' || finishReason === 'unknown') return null;
  return encodeFinish({ unified: finishReason as UnifiedFinish, raw: '' });
}

/** What caches saved, in USD; null where none was in play. */
function discountOf(calls: readonly AuditRecord[]): number | null {
  const saved = calls.flatMap(({ detailJson }) => parsed<{ saved?: Saved }>(detailJson)?.saved ?? []);
  return saved.length === 0 ? null : usd(saved.reduce((total, { nanoUsd }) => total + nanoUsd, 0));
}

function usd(nanoUsd: number): number {
  return nanoUsd / 1e9;
}

/** What this service wrote into a record; undefined where secrets that were taken out left no JSON. */
function parsed<T>(json: string): T | undefined {
  try {
    return JSON.parse(json) as T;
  } catch {
    return undefined;
  }
}
