import type { Config } from '../config.ts';
import { ENDPOINT } from '../invoke/admit.ts';

/** Protected-resource metadata (RFC 9728): what `/mcp` is and who issues tokens for it. */
export function resourceMetadata(config: Pick<Config, 'authorizationServers'>, resource: string) {
  return {
    resource,
    resource_name: 'Sallyport',
    authorization_servers: config.authorizationServers,
    bearer_methods_supported: ['header'],
    scopes_supported: [ENDPOINT],
  };
}
