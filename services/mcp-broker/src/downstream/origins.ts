import { GatewayError } from '@sallyport/chassis/errors';
import type { ReachedAt } from '@sallyport/chassis/net/client-host';
import { ownTenantOf } from '@sallyport/peers/host-tenant';
import type { Config } from '../config.ts';
import { type Headers, single } from '../invoke/admit.ts';

type Settings = Pick<Config, 'publicUrl' | 'allowedHosts' | 'allowedOrigins' | 'oauth'>;

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Where the client reached us, without a slash at the end: a host of ours, else as the request says. */
export function publicBase(settings: Settings, { host, encrypted }: ReachedAt): string {
  if (settings.publicUrl !== undefined) {
    const own = ownTenantOf(settings.oauth.hosts, host) !== undefined;
    return own
      ? `${new URL(settings.publicUrl).protocol}//${host.toLowerCase()}`
      : settings.publicUrl.replace(/\/+$/, '');
  }
  try {
    return new URL(`${encrypted ? 'https' : 'http'}://${host}`).origin;
  } catch {
    return 'http://localhost';
  }
}

/**
 * Refuses hosts that are not ours and pages that may not call us, each by itself: a page that has its own name resolve to
 * our address sends both in agreement (DNS rebinding). Returns the origin where there is one. Throws permission_denied.
 */
export function checkedOrigin(settings: Settings, headers: Headers): string | undefined {
  const origin = single(headers.origin);
  // Of most requests nothing is asked of which a URL would have to be made.
  if (origin === '' && settings.allowedHosts === undefined) return undefined;
  const host = hostName(single(headers.host));
  if (settings.allowedHosts && !settings.allowedHosts.includes(host)) {
    throw new GatewayError('permission_denied', 'This host is not served.');
  }
  if (origin === '') return undefined;
  const ownHost = LOOPBACK.has(host) || settings.allowedHosts?.includes(host) === true;
  const own =
    settings.publicUrl === undefined
      ? ownHost && hostName(origin.replace(/^https?:\/\//, '')) === host && origin.endsWith(`//${single(headers.host)}`)
      : new URL(settings.publicUrl).origin === origin;
  if (own || settings.allowedOrigins.some((one) => new URL(one).origin === origin)) return origin;
  throw new GatewayError('permission_denied', 'Pages of this origin may not call the gateway.');
}

function hostName(host: string): string {
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return '';
  }
}
