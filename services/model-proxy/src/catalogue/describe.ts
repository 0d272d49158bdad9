import type { Model } from '../catalog.ts';
import { lookUp, type Price } from '../pricing.ts';
import { type Capabilities, capabilitiesOf } from './capabilities.ts';

/** What is said of a model in a list of models, in the members that OpenRouter's clients know; what is unknown is left out. */
export interface ModelDescription {
  readonly name: string;
  readonly context_length?: number;
  readonly architecture?: {
    readonly input_modalities: readonly string[];
    readonly output_modalities: readonly string[];
  };
  /** USD for one token, for `request` for one call, as decimal strings; of the target that is tried first. */
  readonly pricing?: Readonly<Record<string, string>>;
  readonly top_provider?: { readonly context_length?: number; readonly max_completion_tokens?: number };
  readonly supported_parameters?: readonly string[];
  /** It searches or browses by itself: its answers are untrusted. */
  readonly retrieves?: true;
}

/** Parameters that every target takes. */
const ALWAYS = ['max_tokens', 'stop', 'temperature', 'top_p'];
const PARAMETERS: Readonly<Partial<Record<keyof Capabilities, readonly string[]>>> = {
  tools: ['tools'],
  toolChoice: ['tool_choice'],
  parallelTools: ['parallel_tool_calls'],
  jsonSchema: ['response_format', 'structured_outputs'],
  reasoning: ['reasoning', 'reasoning_effort', 'include_reasoning'],
  logprobs: ['logprobs', 'top_logprobs'],
  seed: ['seed'],
  severalAnswers: ['n'],
};

/** Describes a Model by what some target of it can do: a request goes to none that cannot serve it. */
export function describeModel(model: Model, nowMs = Date.now()): ModelDescription {
  const targets = model.targets.map(capabilitiesOf);
  const context = most(targets.map(({ contextTokens }) => contextTokens));
  const output = least([model.spec.maxOutputTokens, most(targets.map(({ maxOutputTokens }) => maxOutputTokens))]);
  const input = joined(targets.map((one) => one.input));
  const parameters = Object.entries(PARAMETERS).flatMap(([ability, names]) =>
    targets.some((one) => one[ability as keyof Capabilities] === true) ? names : [],
  );
  const known = targets.some((one) => Object.keys(one).length > 0);
  const pricing = pricingOf(model, nowMs);
  return {
    name: model.publicName,
    ...(context === undefined ? {} : { context_length: context }),
    ...(input === undefined
      ? {}
      : {
          architecture: {
            input_modalities: input,
            output_modalities: joined(targets.map((one) => one.output)) ?? ['text'],
          },
        }),
    ...(pricing === undefined ? {} : { pricing }),
    ...(context === undefined && output === undefined
      ? {}
      : {
          top_provider: {
            ...(context === undefined ? {} : { context_length: context }),
            ...(output === undefined ? {} : { max_completion_tokens: output }),
          },
        }),
    ...(known ? { supported_parameters: [...ALWAYS, ...parameters].sort() } : {}),
    ...(targets.some(({ retrieves }) => retrieves) ? { retrieves: true as const } : {}),
  };
}

function pricingOf({ spec, targets }: Model, nowMs: number): Readonly<Record<string, string>> | undefined {
  const [first] = targets;
  if (!first) return undefined;
  const { provider, model } = first;
  const { price } = lookUp(
    {
      provider: provider.spec.type,
      baseURL: provider.baseUrl,
      model,
      override: first.spec?.price ?? spec.price,
      ...(first.spec?.price === undefined ? { dated: spec.prices } : {}),
    },
    nowMs,
  );
  return price === null ? undefined : pricesOf(price);
}

function pricesOf({ input, output, cacheRead, cacheWrite, request }: Price): Readonly<Record<string, string>> {
  return {
    prompt: perUnit(input.base),
    completion: perUnit(output.base),
    ...(cacheRead.base === input.base ? {} : { input_cache_read: perUnit(cacheRead.base) }),
    ...(cacheWrite.base === input.base ? {} : { input_cache_write: perUnit(cacheWrite.base) }),
    ...(request.base === 0n ? {} : { request: perUnit(request.base) }),
  };
}

/** A rate in 1e-15 USD as a decimal string of USD. */
function perUnit(rate: bigint): string {
  const digits = String(rate).padStart(16, '0');
  const fraction = digits.slice(-15).replace(/0+$/, '');
  return fraction === '' ? digits.slice(0, -15) : `${digits.slice(0, -15)}.${fraction}`;
}

function most(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function least(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function joined(sets: readonly (ReadonlySet<string> | undefined)[]): string[] | undefined {
  const known = sets.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : [...new Set(known.flatMap((one) => [...one]))].sort();
}
