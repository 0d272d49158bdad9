import { Ending } from '@sallyport/chassis/ending';
import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { nanoUsd } from '@sallyport/custom-resources/fields';
import type { ModelSpec } from '@sallyport/custom-resources/model';
import type { Target } from '../catalog.ts';
import type { JsonObject } from '../chat/message.ts';
import { noUsage, type Usage } from '../chat/usage.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import { frontOf } from '../fronts/index.ts';
import { priceOf } from '../pricing.ts';
import type { Gate } from '../turn/gate.ts';
import { type Attempt, recordModelCall } from '../turn/record.ts';
import { pricedCall } from '../turn/reserve.ts';
import type { Turn } from '../turn/turn.ts';
import { unheard } from '../turn/unheard.ts';
import { callProvider, ProviderError } from '../upstream/call-provider.ts';
import { routingOf } from './compiled.ts';
import { REGION_HEADER } from './eligible.ts';
import type { Step } from './plan.ts';
import { isWithin, mayServe } from './residency.ts';
import type { ShadowBudget } from './shadow-budget.ts';

type Shadow = NonNullable<ModelSpec['shadow']>[number];

const BYTES_PER_TOKEN = 4;
const EXPECTED_OUTPUT = 1_024;
/** Fields of a body that a copy does without: it is one whole answer of one call, and calls nothing. */
const NOT_COPIED = new Set(['stream', 'stream_options', 'n', 'tools', 'tool_choice', 'toolConfig', 'tool_config']);

/** Dialects whose requests stand for themselves: others name what is kept at the gate. */
const COPIED: ReadonlySet<string> = new Set(['openai-chat', 'anthropic-messages', 'gemini']);

/**
 * Sends copies of a request that was answered to the shadows of its Model, as often as they are declared. Only requests
 * without tools and their results are copied: of the others the gate changes what a model may read. What a copy answers is
 * recorded and thrown away; no limit counts it, its own budget bounds it. Returns at once and never throws.
 */
export function shadow(gate: Gate, turn: Turn, step: Step): void {
  // Who asks for certain providers is not served by others behind their back.
  if (turn.request !== undefined || turn.operation !== undefined || turn.wish !== undefined) return;
  if (!COPIED.has(turn.dialect)) return;
  for (const declared of step.model.spec.shadow ?? []) {
    if (gate.routing.random() * 100 >= declared.percent || !mayCopy(turn, step, declared)) continue;
    const provider = gate.catalog
      .providers()
      .find(({ tenant, name }) => tenant === turn.principal.tenant && name === declared.provider);
    // A key that somebody brought is not spent on what they did not ask for.
    if (provider === undefined || provider.spec.credentials?.perPrincipal !== undefined) continue;
    const target: Target = { provider, model: declared.model };
    const usage = { ...noUsage, input: Math.ceil(turn.bytes.length / BYTES_PER_TOKEN), output: EXPECTED_OUTPUT };
    const price = priceOf(pricedCall(step, target), usage).nanoUsd;
    const budget = gate.routing.shadowBudget(`${step.model.uid}\n${provider.uid}\n${declared.model}`);
    const bounds = { nanoUsd: nanoUsd(declared.usdPerHour), maxConcurrent: declared.maxConcurrent };
    // Without a price no budget could be held.
    if (price === null || !budget.take(price, bounds, gate.routing.now())) continue;
    void copy(gate, turn, { ...step, target, why: 'shadow' }, budget, price);
  }
}

function mayCopy(turn: Turn, { routing }: Step, { region }: Shadow): boolean {
  const { tags } = turn.attribution;
  const asked = turn.headers[REGION_HEADER];
  return (
    mayServe(region, routing.residency, tags) &&
    mayServe(region, routingOf(turn.model).residency, tags) &&
    (asked === undefined || isWithin(region, String(asked).toLowerCase()))
  );
}

async function copy(gate: Gate, turn: Turn, step: Step, budget: ShadowBudget, setAside: number): Promise<void> {
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  let usage: Usage = noUsage;
  let cost: number | undefined = 0;
  let finish = '';
  let requestBytes = 0;
  let credential: string | undefined;
  let error: GatewayError | undefined;
  let status: number | undefined;
  const copied = copyOf(turn, step);
  try {
    const answered = await callProvider(gate, copied, step.target, [], {
      onCredential: (reference) => {
        credential = reference;
      },
      onBody: async (bytes) => {
        requestBytes = bytes;
      },
    });
    status = answered.status;
    if (answered.content.kind === 'whole') {
      const { response } = answered.content;
      usage = response.usage ?? { ...noUsage, input: Math.ceil(requestBytes / BYTES_PER_TOKEN) };
      finish = response.finish.unified;
    }
    cost = priceOf(pricedCall(step, step.target), usage).nanoUsd ?? undefined;
  } catch (caught) {
    error = caught instanceof ProviderError ? asGatewayFailure(caught.failure) : asGatewayError(caught);
    if (caught instanceof ProviderError) status = caught.failure.status;
  }
  budget.settle(setAside, cost ?? setAside);
  const ms = performance.now() - startedAt;
  const { provider, model } = step.target;
  const attempt: Attempt = {
    provider: provider.name,
    model,
    outcome: error ? 'error' : 'ok',
    ms: Math.round(ms),
    why: step.why,
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { error: error.code }),
    ...(credential === undefined ? {} : { credential }),
  };
  recordModelCall(gate, copied, {
    step: turn.step,
    startedAtMs,
    durationMs: ms,
    firstTokenMs: 0,
    provider: provider.name,
    upstreamModel: model,
    stream: false,
    usage,
    usageEstimated: false,
    costNanoUsd: cost,
    finish,
    attempts: [attempt],
    limits: [],
    outcome: error ? 'error' : 'ok',
    ...(error === undefined ? {} : { error }),
  });
}

/** A turn of its own for a copy: it ends with its provider's time, not with the client, and brings nobody's headers. */
function copyOf(turn: Turn, step: Step): Turn {
  const kept = Object.entries(turn.body).filter(([field]) => !NOT_COPIED.has(field));
  const body: JsonObject = { ...Object.fromEntries(kept), ...(turn.dialect === 'gemini' ? { stream: false } : {}) };
  return {
    ...turn,
    endpoint: 'shadow',
    body,
    bytes: Buffer.from(JSON.stringify(body)),
    facts: frontOf(turn.dialect).parseRequest(body).facts,
    headers: {},
    answer: unheard(),
    signal: new Ending(),
    // A copy that a client's time cuts off is paid for all the same, and its budget would not know.
    controls: { ...turn.controls, timeoutMs: Infinity },
    attribution: { ...turn.attribution, feature: 'shadow', variant: 'shadow' },
    cache: undefined,
    routed: step,
    keyUse: undefined,
  };
}
