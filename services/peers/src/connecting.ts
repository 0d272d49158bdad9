import { GatewayError } from '@sallyport/chassis/errors';

/** An account that a person has not connected at a tool server, or not for what a call needs. */
export interface Lacking {
  /** Name of the ToolServer. */
  readonly server: string;
  /** Scopes that the call needs beside those there are; empty: a grant at all. */
  readonly scopes: readonly string[];
}

/** What a call lacked that failed with this; undefined where it was something else. */
export function lackingOf(error: unknown): Lacking | undefined {
  const { missing, server, scopes } = (error instanceof GatewayError ? error.details : undefined) ?? {};
  if ((missing !== 'grant' && missing !== 'scope') || typeof server !== 'string') return undefined;
  const listed = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
  return { server, scopes: listed };
}

/** The error that stands for it. */
export function lackingError({ server, scopes }: Lacking): GatewayError {
  const message = `The grant at ${server} lacks scopes that the call needs.`;
  return new GatewayError('upstream_credentials', message, { details: { missing: 'scope', server, scopes } });
}

/** The gate's own page on which a person connects a tool server; `base` without a slash at the end. */
export function connectLink(base: string, { server, scopes }: Lacking): string {
  const query = scopes.length === 0 ? '' : `?scopes=${encodeURIComponent(scopes.join(' '))}`;
  return `${base}/me/connect/${encodeURIComponent(server)}${query}`;
}
