import { tenantOfHost } from '@sallyport/peers/host-tenant';
import type { Config } from '../config.ts';
import { ENDPOINT } from '../invoke/admit.ts';

/** Protected-resource metadata (RFC 9728): what `/mcp` or `/a2a` is and who issues tokens for it. `resource` is its URL. */
export function resourceMetadata(
  config: Pick<Config, 'authorizationServers' | 'oauth' | 'publicUrl'>,
  resource: string,
) {
  return {
    resource,
    resource_name: 'Sallyport',
    authorization_servers: config.authorizationServers ?? ownIssuers(config, resource),
    bearer_methods_supported: ['header'],
    scopes_supported: [ENDPOINT],
  };
}

/** The issuer of the tenant that the host is for. Issuers stand under the public URL, whichever host asks. */
function ownIssuers({ oauth, publicUrl }: Pick<Config, 'oauth' | 'publicUrl'>, resource: string): string[] {
  if (publicUrl === undefined) return [];
  const tenant = tenantOfHost(oauth, new URL(resource).host);
  return [`${publicUrl.replace(/\/+$/, '')}/oauth/${tenant}`];
}
