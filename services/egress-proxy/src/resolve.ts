import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { GuardOptions } from '@sallyport/chassis/net/guard';

/**
 * Resolves names by asking name servers from the event loop. The system's own resolver would take one of Node's four threads
 * for each name, so that four names whose servers say nothing would hold up those of every other server.
 */
export function nameResolver(
  options: { readonly servers?: readonly string[]; readonly timeoutMs?: number } = {},
): NonNullable<GuardOptions['lookup']> {
  const resolver = new Resolver({ timeout: options.timeoutMs ?? 2_000, tries: 2 });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  return (host, _options, done) => {
    void Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]).then(([four, six]) => {
      const addresses: LookupAddress[] = [
        ...(four.status === 'fulfilled' ? four.value : []).map((address) => ({ address, family: 4 })),
        ...(six.status === 'fulfilled' ? six.value : []).map((address) => ({ address, family: 6 })),
      ];
      if (addresses.length === 0 && four.status === 'rejected') return done(four.reason as Error, []);
      done(null, addresses);
    });
  };
}
