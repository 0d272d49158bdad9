import type { TargetCapabilities } from '@sallyport/custom-resources/model-catalogue';
import type { Target } from '../catalog.ts';
import { factsOf } from './facts.ts';

/** A kind of content. */
export type Modality = 'text' | 'image' | 'audio' | 'video' | 'file';

/** What can be asked of a target. A field that is absent is unknown: neither can nor cannot. */
export interface Capabilities {
  /** Most tokens of prompt and answer together. */
  readonly contextTokens?: number;
  readonly maxOutputTokens?: number;
  /** Kinds of content that may stand in a prompt. */
  readonly input?: ReadonlySet<Modality>;
  /** Kinds of content that an answer may hold. */
  readonly output?: ReadonlySet<Modality>;
  readonly tools?: boolean;
  /** Several calls in one answer. */
  readonly parallelTools?: boolean;
  /** It can be made to call a tool, or a certain one. */
  readonly toolChoice?: boolean;
  /** Answers can be held to a JSON schema. */
  readonly jsonSchema?: boolean;
  readonly reasoning?: boolean;
  readonly logprobs?: boolean;
  readonly seed?: boolean;
  /** Several answers to one request. */
  readonly severalAnswers?: boolean;
  /** The provider keeps prompts that begin alike, marked or by itself. */
  readonly promptCache?: boolean;
  readonly streaming?: boolean;
  /** It searches or browses by itself: its whole answer is untrusted (DESIGN section 5). */
  readonly retrieves?: boolean;
  /** Where it works, in the operator's words. */
  readonly region?: string;
  /** Whether the provider may keep or train on what it is sent. */
  readonly dataCollection?: 'allow' | 'deny';
}

/** What a provider or a model is known to do; `region` and `dataCollection` are for the operator to declare. */
export type KnownCapabilities = Omit<Capabilities, 'region' | 'dataCollection'>;

/** Targets are made anew with each change of their Model or ModelProvider. */
const compiled = new WeakMap<Target, Capabilities>();

/**
 * What a target can do: as its Model declares it, else as its provider's API bounds it, else as its model is known to be.
 * Worked out once for each target of a snapshot.
 */
export function capabilitiesOf(target: Target): Capabilities {
  let known = compiled.get(target);
  if (known === undefined) {
    known = Object.freeze(compile(target));
    compiled.set(target, known);
  }
  return known;
}

function compile({ provider, model, spec }: Target): Capabilities {
  const { capabilities, region, dataCollection } = spec ?? {};
  return {
    ...factsOf(model, provider.declaration.priceList),
    ...provider.declaration.capabilities,
    ...(provider.declaration.retrieves?.(model.toLowerCase()) ? { retrieves: true } : {}),
    ...(capabilities === undefined ? {} : declared(capabilities)),
    ...(region === undefined ? {} : { region }),
    ...(dataCollection === undefined ? {} : { dataCollection: dataCollection === 'Allow' ? 'allow' : 'deny' }),
  };
}

function declared({ input, output, ...rest }: TargetCapabilities): Capabilities {
  const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...known,
    ...(input === undefined ? {} : { input: modalities(input) }),
    ...(output === undefined ? {} : { output: modalities(output) }),
  };
}

function modalities(words: readonly string[]): ReadonlySet<Modality> {
  return new Set(words.map((word) => word.toLowerCase() as Modality));
}
