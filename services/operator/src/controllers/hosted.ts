import type { Finding, HostedServerSpec } from '@sallyport/custom-resources';
import { fails, unknown } from '../checks/findings.ts';
import { type Entry, sha256 } from '../entry.ts';
import type { ControllerContext } from './controller.ts';

/** `Deployed` and `EgressEnforced` of a tool server that Sallyport runs; none of one that it never ran. */
export async function reconcileHosted(
  entry: Entry<'ToolServer'>,
  hosted: HostedServerSpec | undefined,
  { hosting, source }: Pick<ControllerContext, 'hosting' | 'source'>,
): Promise<{ readonly findings: readonly Finding[]; readonly failure?: unknown }> {
  if (hosted === undefined) {
    await hosting.release(entry);
    const before = (entry.status.conditions ?? []).filter(
      ({ type }) => type === 'Deployed' || type === 'EgressEnforced',
    );
    return { findings: before.map(({ type }) => ({ type, status: 'True', reason: 'NotHosted', message: '' })) };
  }
  try {
    const versions: string[] = [];
    for (const { name, secretRef } of hosted.env) {
      if (secretRef === undefined) continue;
      const secret = await source.secret(entry.tenant, secretRef.name);
      if (secret?.data.has(secretRef.key) !== true) {
        const message = `${name}: there is no key ${secretRef.key} in Secret ${secretRef.name} of this namespace`;
        const enforced = unknown('EgressEnforced', 'NotProbed', 'No pod has tried yet what it can reach.');
        return { findings: [fails('Deployed', 'SecretNotFound', message), enforced] };
      }
      versions.push(secret.version);
    }
    return { findings: await hosting.reconcile(entry, hosted, sha256(versions.join('\n')).slice(0, 16)) };
  } catch (failure) {
    const finding = unknown('Deployed', 'NotReconciled', 'What it needs could not be made; it is tried again.');
    return { findings: [finding], failure };
  }
}
