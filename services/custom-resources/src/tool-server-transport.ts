import type { Rule } from './define-resource.ts';

/** The ways to reach a tool server, by the key of the spec that declares each. A server has exactly one. */
export const transportKinds = ['remote', 'openApi', 'agent', 'hosted', 'turnLoop'] as const;

/** A way to reach a tool server. */
export type TransportKind = (typeof transportKinds)[number];

/** What Sallyport runs itself has no address that somebody wrote. */
type OwnKind = 'hosted' | 'turnLoop';

/** Those at an address that somebody wrote. */
const addressedKinds = transportKinds.filter((kind) => kind !== 'hosted' && kind !== 'turnLoop');

/** Stands for the address of a server that Sallyport runs, which only the broker knows. No host can have it (RFC 2606). */
export const hostedUrl = 'https://hosted.invalid/';

/** What every transport that has an address says of it. */
interface Addressed {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The part of a ToolServer's spec that says where the server is. */
export type Transports = { readonly [Kind in Exclude<TransportKind, OwnKind>]?: Addressed | undefined } & {
  readonly [Kind in OwnKind]?: object | undefined;
};

/** Rules over the transports of a ToolServer: one of them, and at an address that it may have. */
export const transportRules: readonly Rule<Transports & { readonly allowPrivateNetwork: boolean }>[] = [
  {
    cel: `[${transportKinds.map((kind) => `has(self.${kind})`).join(', ')}].exists_one(given, given)`,
    message: `exactly one of ${transportKinds.join(', ')} must be given`,
    holds: (spec) => transportKinds.filter((kind) => spec[kind] !== undefined).length === 1,
  },
  ...addressedKinds.map((kind) => ({
    cel: `!has(self.${kind}) || self.${kind}.url.startsWith('https://') || self.allowPrivateNetwork`,
    message: 'url must be https unless allowPrivateNetwork is true',
    fieldPath: `.${kind}.url`,
    holds: (spec: Transports & { readonly allowPrivateNetwork: boolean }) =>
      spec.allowPrivateNetwork || (spec[kind]?.url ?? 'https://').startsWith('https://'),
  })),
];

/** How a server is reached. Throws for a spec that says nothing of it, which validation lets nobody have. */
export function transportKind(spec: Transports): TransportKind {
  const kind = transportKinds.find((one) => spec[one] !== undefined);
  if (kind === undefined) throw new TypeError('the spec of a ToolServer has no transport');
  return kind;
}

/** URL that calls of a server go to; its credential is bound to the origin of it. */
export function serverUrl(spec: Transports): string {
  const kind = transportKind(spec);
  return isOwn(kind) ? hostedUrl : (spec[kind] as Addressed).url;
}

/** Headers that the resource adds to each request to the server. */
export function serverHeaders(spec: Transports): Readonly<Record<string, string>> {
  const kind = transportKind(spec);
  return isOwn(kind) ? {} : (spec[kind]?.headers ?? {});
}

function isOwn(kind: TransportKind): kind is OwnKind {
  return kind === 'hosted' || kind === 'turnLoop';
}
