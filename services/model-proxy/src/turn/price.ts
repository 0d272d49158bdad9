import type { Model, Target } from '../catalog.ts';
import type { Usage } from '../chat/usage.ts';
import { type Cost, costOf, listPrice, overridePrice, type PriceLookup } from '../pricing.ts';

const KEEP_MS = 600_000;

/** Looked up once in ten minutes for each model and target, since a look-up in the list takes some 30 µs. */
const lookups = new WeakMap<Model, Map<string, { lookup: PriceLookup; until: number }>>();

/** What a call to a target costs at the model's own price, else by the public list; null where neither knows it. */
export function priceCall(model: Model, target: Target, usage: Usage | undefined): Cost {
  const { provider } = target;
  let known = lookups.get(model);
  if (!known) {
    known = new Map();
    lookups.set(model, known);
  }
  const key = `${provider.uid}\n${target.model}`;
  const now = Date.now();
  let held = known.get(key);
  if (!held || held.until < now) {
    held = { lookup: look(model, target, now), until: now + KEEP_MS };
    known.set(key, held);
  }
  return costOf(usage, held.lookup);
}

function look(model: Model, target: Target, now: number): PriceLookup {
  if (model.spec.price) return { price: overridePrice(model.spec.price) };
  const { provider } = target;
  return listPrice({
    provider: provider.declaration.priceList,
    baseUrl: provider.baseUrl,
    model: target.model,
    at: new Date(now),
  });
}
