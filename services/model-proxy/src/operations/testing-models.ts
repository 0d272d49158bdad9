import type { Model } from '../catalog.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import type { Desk } from './testing.ts';

const PRICE = {
  inputPerMillionTokens: '1',
  outputPerMillionTokens: '2',
  perImage: '0.04',
  perMillionCharacters: '15',
  perHourOfAudio: '0.36',
  perThousandSearches: '2',
};
const anthropic = providerOf('anthropic-compatible', 'ant');
const lite = providerOf('litellm', 'lite');
const router = providerOf('openrouter', 'router');
/** Two providers with the dialect of OpenAI. */
export const compatible = providerOf('openai-compatible', 'compat');
export const second = providerOf('openai-compatible', 'second');

/** A priced model of these providers, by its public name. */
export const named = (publicName: string, providers: Parameters<typeof modelOf>[0], spec: object = {}): Model => ({
  ...modelOf(providers, { price: PRICE, ...spec }),
  publicName,
});

/** What tests of operations ask: `m` has all of OpenAI's, `g` is Gemini's, `a` Anthropic's, the others differ as they are called. */
export const MODELS: readonly Model[] = [
  named('m', [compatible]),
  named('g', [providerOf('gemini-compatible', 'gem')]),
  named('a', [anthropic]),
  named('both', [anthropic, compatible, second]),
  named('kind', [compatible], { decoration: { system: [] } }),
  named('short', [compatible], { maxOutputTokens: 5 }),
  named('lite', [{ ...lite, spec: { ...lite.spec, attribution: ['User', 'Key'] } }]),
  named('router', [{ ...router, spec: { ...router.spec, attribution: ['User', 'Key'] } }]),
  named('unpriced', [compatible], { price: { inputPerMillionTokens: '0', outputPerMillionTokens: '0' } }),
];

/** Forgets what a desk was asked and kept, for the next test. */
export function forget(desk: Desk): void {
  desk.calls.length = 0;
  desk.kept.records.length = 0;
  (desk.kept.reserved as unknown[]).length = 0;
}

/** An answer of a provider as JSON. */
export const json = (body: unknown) => ({ body: JSON.stringify(body) });
