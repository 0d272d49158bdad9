import type { KnownCapabilities } from '../catalogue/capabilities.ts';
import type { FailureKind, ProviderFailure } from '../chat/failure.ts';
import type { Wire } from '../wire/codec.ts';
import type { AttributionFields } from './attribution.ts';
import type { ProviderAuth } from './provider-auth.ts';

/**
 * Paths of what a provider serves beside chat; absent: it does not. Bodies have OpenAI's shape (for `rerank` Cohere's), with
 * the wires `gemini` and `cohere` their own.
 */
export interface OperationPaths {
  completions?: string;
  embeddings?: string;
  moderations?: string;
  rerank?: string;
  imageGenerations?: string;
  imageEdits?: string;
  imageVariations?: string;
  transcriptions?: string;
  translations?: string;
  speech?: string;
  /** Where files are uploaded to; each is below it by its id. */
  files?: string;
  /** Where batches begin; each is below it by its id. */
  batches?: string;
}

interface ProviderBase {
  /** The `type` of a ModelProvider. */
  id: string;
  /** URL before the paths, without a slash at its end; absent where the resource must say it. */
  baseURL?: string;
  /** A URL as it may be, where the resource must say it. */
  baseURLExample?: string;
  /** Where the credential goes, or what is made of it. */
  auth: ProviderAuth;
  /** Further headers of every call. */
  headers: Readonly<Record<string, string>>;
  /** Request headers of clients of the same dialect that are passed on; none of them may carry identity. */
  passHeaders: readonly string[];
  /**
   * Paths after the base URL; `stream` is that of streams, `models` absent where there is no list, `allModels` that of the
   * whole one where `models` gives its beginning; `check` tells whether a credential is taken where there is no list. `{model}`
   * stands for the model's name, `{project}`, `{location}` and `{apiVersion}` for what the resource says.
   */
  paths: {
    chat: string;
    stream?: string;
    models?: string;
    allModels?: string;
    check?: string;
    countTokens?: string;
  } & OperationPaths;
  /** What it takes of its prices for calls in batches, in percent; absent: all. */
  batchPercent?: number;
  /** The provider in the price list; absent: found by base URL. */
  priceList?: string;
  /** What its API can or cannot do, whatever the model. */
  capabilities?: KnownCapabilities;
  /** Tells by its name, in lower case, that a model searches or browses by itself. */
  retrieves?: (model: string) => boolean;
  /** Its own words for failures, beside those that the codec knows. */
  failureCodes?: Readonly<Record<string, FailureKind>>;
  /** Where it takes who is to bear the cost; absent: nowhere. */
  attribution?: AttributionFields;
  /** Models that it serves otherwise: the first of these counts that fits the model's name there. */
  variants?: readonly { readonly models: RegExp; readonly declaration: ProviderDeclaration }[];
  /** The same API in further wires, each taken where it is that of the client. */
  also?: readonly ProviderDeclaration[];
  /** Overrides how the codec reads an error; undefined: the codec's own reading. */
  error?: (status: number, body: unknown) => ProviderFailure | undefined;
}

/** One provider as data: which wire it speaks, where, with which header, and how it differs. */
export type ProviderDeclaration = ProviderBase & Wire;

/** Checks a declaration when its module loads and freezes it. Throws TypeError naming the field. */
export function defineProvider<T extends ProviderDeclaration>(declaration: T): Readonly<T> {
  const fault = (field: string, must: string): never => {
    throw new TypeError(`provider ${declaration.id}: ${field} ${must}`);
  };
  if (!/^[a-z][a-z0-9-]*$/.test(declaration.id)) fault('id', 'must be lower case');
  if (declaration.baseURL !== undefined && !/^https:\/\/[^\s]*[^/\s]$/.test(declaration.baseURL)) {
    fault('baseURL', 'must be https and end without a slash');
  }
  const { auth } = declaration;
  const keyed = 'key' in auth ? auth.key : auth;
  const own = keyed.kind === 'header' ? [keyed.header] : [];
  for (const header of [...own, ...Object.keys(declaration.headers), ...declaration.passHeaders]) {
    if (header !== header.toLowerCase()) fault('headers', 'must be lower case');
  }
  for (const path of Object.values(declaration.paths)) {
    if (!path.startsWith('/')) fault('paths', 'must begin with a slash');
  }
  for (const variant of declaration.variants ?? []) defineProvider(variant.declaration);
  for (const one of declaration.also ?? []) defineProvider(one);
  return Object.freeze(declaration);
}

/** The path of a call. A model's name cannot lead out of its place in it. */
export function callPath({ paths }: ProviderDeclaration, model: string, stream: boolean): string {
  const path = stream ? (paths.stream ?? paths.chat) : paths.chat;
  return path.includes('{model}') ? path.replace('{model}', () => encodeURIComponent(model)) : path;
}

/** Headers that a resource adds to each call. */
type Added = Readonly<Record<string, string>> | undefined;

/** The headers of a call, without the credential. */
export function callHeaders(provider: ProviderDeclaration, added?: Added): Record<string, string> {
  return { 'content-type': 'application/json', ...ownHeaders(provider, added) };
}

/** The headers that are declared, and those that the resource adds, by lower-case name. */
export function ownHeaders({ headers }: ProviderDeclaration, added?: Added): Readonly<Record<string, string>> {
  if (added === undefined) return headers;
  return {
    ...headers,
    ...Object.fromEntries(Object.entries(added).map(([name, value]) => [name.toLowerCase(), value])),
  };
}
