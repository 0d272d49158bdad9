import { GatewayError } from '@sallyport/chassis/errors';

/** An account that a person has not connected at a tool server, or not for what a call needs. */
export interface Lacking {
  /** Name of the ToolServer. */
  readonly server: string;
  /** Scopes that the call needs beside those there are; empty: a grant at all. */
  readonly scopes: readonly string[];
  /** Where the person signs in anew, where that is what is missing and not an account. */
  readonly link?: string | undefined;
}

/** What a call lacked that failed with this; undefined where it was something else. */
export function lackingOf(error: unknown): Lacking | undefined {
  const { missing, server, scopes, link } = (error instanceof GatewayError ? error.details : undefined) ?? {};
  if (typeof server !== 'string') return undefined;
  if (missing === 'sign-in' && typeof link === 'string') return { server, scopes: [], link };
  if (missing !== 'grant' && missing !== 'scope') return undefined;
  const listed = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
  return { server, scopes: listed };
}

/** Whether nobody's name was there to call in: the server is called in the name of people alone. */
export function lacksPerson(error: unknown): boolean {
  return error instanceof GatewayError && error.details?.missing === 'person';
}

/** The error that stands for it. */
export function lackingError({ server, scopes }: Lacking): GatewayError {
  const message = `The grant at ${server} lacks scopes that the call needs.`;
  return new GatewayError('upstream_credentials', message, { details: { missing: 'scope', server, scopes } });
}

/** The gate's own page on which a person connects a tool server, or signs in; `base` without a slash at the end. */
export function connectLink(base: string, { server, scopes, link }: Lacking): string {
  if (link !== undefined) return link;
  const query = scopes.length === 0 ? '' : `?scopes=${encodeURIComponent(scopes.join(' '))}`;
  return `${base}/me/connect/${encodeURIComponent(server)}${query}`;
}
