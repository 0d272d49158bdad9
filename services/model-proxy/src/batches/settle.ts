import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { LimitSubject } from '@sallyport/peers/limits';
import type { Target } from '../catalog.ts';
import { asObject, parseObject } from '../chat/json.ts';
import { addUsage, noUsage, type Usage } from '../chat/usage.ts';
import { accountCall } from '../operations/account-call.ts';
import { toldTokens, usageOf } from '../operations/fields.ts';
import { type PricedCall, priceOf } from '../pricing.ts';
import { ownHeaders } from '../providers/define-provider.ts';
import type { Gate } from '../turn/gate.ts';
import { recordModelCall } from '../turn/record.ts';
import { pricedCall } from '../turn/reserve.ts';
import type { Turn } from '../turn/turn.ts';
import { decodeUsage } from '../wire/openai-chat/usage.ts';
import type { KeptBatch } from './kept.ts';

/** Words of a batch that goes on no more. */
export const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'expired', 'cancelled']);
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const MAX_LINE = 8 * 1024 * 1024;

/** Whose limits a batch takes from. */
export function batchSubject(turn: Turn, model: string): LimitSubject {
  const { principal, trajectory, newTrajectory, attribution } = turn;
  return { principal, model, trajectory, newTrajectory, customer: attribution.customer };
}

/** What its lines are priced by: as a call of the Model that they ask. */
export function pricedBatch(gate: Pick<Gate, 'catalog'>, tenant: string, model: string, target: Target): PricedCall {
  const { provider } = target;
  const asked = gate.catalog.find(tenant, model);
  const own = asked?.targets.find((one) => one.provider.uid === provider.uid && one.model === target.model);
  if (asked && own) return pricedCall({ model: asked }, own);
  const override = asked?.spec.price;
  const call = { provider: provider.spec.type, baseURL: provider.baseUrl, model: target.model };
  return override === undefined ? call : { ...call, override };
}

/** Counts what a batch took, by the usage in its answers: one record, and from limits what was not taken when it began. */
export async function settleBatch(
  gate: Gate,
  turn: Turn,
  target: Target,
  batch: KeptBatch,
  outputId: string | undefined,
): Promise<void> {
  const startedAtMs = Date.now();
  let usage: Usage | undefined = outputId === undefined ? noUsage : undefined;
  if (outputId !== undefined) {
    const path = `${target.provider.declaration.paths.files}/${encodeURIComponent(outputId)}/content`;
    const headers = { ...ownHeaders(target.provider.declaration, target.provider.spec.headers) };
    await accountCall(gate, turn, target, { method: 'GET', path, headers }, async (answer) => {
      usage = answer.status === 200 ? await usageIn(answer) : undefined;
      return { usage: usageOf({}), outputBytes: 0, finish: '', outcome: 'ok' };
    }).catch((error: unknown) => {
      // It is counted in any case, then by what it was taken for.
      gate.log.warn('The answers of a batch could not be read', { provider: target.provider.name, error });
    });
  }
  const told = usage ?? usageOf({ input: batch.taken.tokens });
  const price = priceOf(pricedBatch(gate, turn.principal.tenant, batch.model, target), told);
  const nanoUsd = price.nanoUsd === null ? undefined : halved(target, price.nanoUsd);
  const more = {
    tokens: Math.max(0, told.input + told.output - batch.taken.tokens),
    nano_usd: Math.max(0, (nanoUsd ?? 0) - batch.taken.nanoUsd),
  };
  if (more.tokens + more.nano_usd > 0) {
    // It was made: a limit that is exhausted by it refuses the next one, not this.
    const taken = gate.limits.reserve(batchSubject(turn, batch.model), { tokens: 0, nano_usd: 0 });
    const reservation = await Promise.resolve(taken).catch(() => undefined);
    reservation?.settle(more);
  }
  turn.step++;
  recordModelCall(
    gate,
    { ...turn, model: { ...turn.model, publicName: batch.model } },
    {
      step: turn.step,
      startedAtMs,
      durationMs: Date.now() - startedAtMs,
      firstTokenMs: 0,
      provider: target.provider.name,
      upstreamModel: batch.targetModel,
      stream: false,
      usage: told,
      usageEstimated: usage === undefined,
      costNanoUsd: nanoUsd,
      finish: '',
      attempts: [],
      limits: [],
      outcome: 'ok',
    },
  );
}

/** What providers take of the price of the same call outside of a batch. */
function halved({ provider }: Target, nanoUsd: number): number {
  const { batchPercent = 100 } = provider.declaration;
  return Math.round((nanoUsd * batchPercent) / 100);
}

/** The sum of what the lines of an output file tell; undefined where it is too long to be read. */
async function usageIn(answer: OutboundResponse): Promise<Usage | undefined> {
  let sum: Usage = noUsage;
  let rest = '';
  let size = 0;
  const decoder = new TextDecoder();
  const add = (line: string) => {
    if (!line.includes('"usage"')) return;
    const body = asObject(asObject(parseObject(line)?.response)?.body);
    const usage = decodeUsage(body?.usage) ?? toldTokens(body?.usage);
    if (usage) sum = addUsage(sum, usage);
  };
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > MAX_OUTPUT_BYTES) return undefined;
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) return undefined;
    for (const line of lines) add(line);
  }
  add(rest + decoder.decode());
  return sum;
}
