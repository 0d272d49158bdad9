import type { Finding, HostedServerSpec } from '@sallyport/custom-resources';
import { fails, unknown } from '../checks/findings.ts';
import { type Entry, sha256 } from '../entry.ts';
import { NOT_PROBED } from '../hosting/findings.ts';
import type { Hosting } from '../hosting/hosting.ts';
import type { Source } from '../source/source.ts';

type Within = { readonly hosting: Hosting; readonly source: Pick<Source, 'secret'> };

/** Why a hosted server is not run as its resource says, or what changes when a value in its environment does. */
export type Environment = { readonly refused: Finding } | { readonly secrets: string };

/**
 * Looks at what a hosted server asks for: its limits, and the Secrets of its environment. `secretKey` is the key of a
 * principal whose own values are looked for. Rejects where it cannot be known.
 */
export async function environmentOf(
  entry: Entry<'ToolServer'>,
  hosted: HostedServerSpec,
  { hosting, source }: Within,
  secretKey?: string,
): Promise<Environment> {
  const more = hosting.beyond(hosted);
  if (more !== undefined) return { refused: fails('Deployed', 'LimitsExceeded', more) };
  const versions: string[] = [];
  for (const [index, { name, secretRef, perPrincipal }] of hosted.env.entries()) {
    if (secretRef === undefined) continue;
    const secret = await source.secret(entry.tenant, secretRef.name);
    const key = perPrincipal && secretKey !== undefined ? secretKey : secretRef.key;
    if (secret?.data.has(key) !== true) {
      const message = `${name}: there is no key ${key} in Secret ${secretRef.name} of this namespace`;
      return { refused: fails('Deployed', 'SecretNotFound', message) };
    }
    const why = hosting.withheld(entry.tenant, secret);
    if (why !== undefined) {
      const message = `spec.hosted.env[${index}].secretRef: Secret ${secretRef.name} may not be used: ${why}`;
      return { refused: fails('Deployed', 'SecretNotAllowed', message) };
    }
    versions.push(secret.version);
  }
  return { secrets: sha256(versions.join('\n')).slice(0, 16) };
}

/** `Deployed` and `EgressEnforced` of a tool server that Sallyport runs; none of one that it never ran. */
export async function reconcileHosted(
  entry: Entry<'ToolServer'>,
  hosted: HostedServerSpec | undefined,
  within: Within,
): Promise<{ readonly findings: readonly Finding[]; readonly failure?: unknown }> {
  const { hosting } = within;
  if (hosted === undefined) {
    await hosting.release(entry);
    const before = (entry.status.conditions ?? []).filter(
      ({ type }) => type === 'Deployed' || type === 'EgressEnforced',
    );
    return { findings: before.map(({ type }) => ({ type, status: 'True', reason: 'NotHosted', message: '' })) };
  }
  try {
    const environment = await environmentOf(entry, hosted, within);
    if ('secrets' in environment) return { findings: await hosting.reconcile(entry, hosted, environment.secrets) };
    // What runs although it may not does so no longer; a Secret that went may come back.
    if (environment.refused.reason !== 'SecretNotFound') await hosting.release(entry);
    return { findings: [environment.refused, NOT_PROBED] };
  } catch (failure) {
    const finding = unknown('Deployed', 'NotReconciled', 'What it needs could not be made; it is tried again.');
    return { findings: [finding], failure };
  }
}
