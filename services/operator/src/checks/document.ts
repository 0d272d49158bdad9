import { type ConfigMap, type ConfigMapKeyRef, type Finding, MAX_DOCUMENT } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import { fails, holds } from './findings.ts';

/** How ConfigMaps that resources refer to are looked up; undefined: there is none, or it is not known. */
export type ConfigMaps = (tenant: string, name: string) => ConfigMap | undefined;

/** The ConfigMap that the document of a tool server stands in; undefined: it stands elsewhere. */
export function documentRef(entry: Entry): ConfigMapKeyRef | undefined {
  if (!entry.parsed.ok || entry.parsed.value.kind !== 'ToolServer') return undefined;
  return entry.parsed.value.spec.openApi?.configMapRef;
}

/** The document that a tool server refers to, or why there is none. */
export function documentOf(
  tenant: string,
  ref: ConfigMapKeyRef,
  configMaps: ConfigMaps,
): { readonly text: string } | { readonly finding: Finding } {
  const refuse = (reason: string, message: string) => ({
    finding: fails('ResolvedRefs', reason, `spec.openApi.configMapRef: ${message}`),
  });
  const { name, key } = ref;
  const held = configMaps(tenant, name);
  if (held === undefined) return refuse('ConfigMapNotFound', `no ConfigMap ${name} in this namespace`);
  const text = held.data.get(key);
  if (text === undefined) return refuse('ConfigMapKeyNotFound', `ConfigMap ${name} has no key ${key}`);
  if (text.trim() === '') return refuse('DocumentEmpty', `key ${key} of ConfigMap ${name} is empty`);
  if (text.length <= MAX_DOCUMENT) return { text };
  return refuse('DocumentTooLarge', `key ${key} of ConfigMap ${name} has more than ${MAX_DOCUMENT} characters`);
}

/** `ResolvedRefs` of a tool server: of one that refers to nothing, only where the status has it of before. */
export function documentFindings(entry: Entry<'ToolServer'>, configMaps: ConfigMaps): Finding[] {
  const ref = documentRef(entry);
  if (ref === undefined) {
    const had = entry.status.conditions?.some(({ type }) => type === 'ResolvedRefs') === true;
    return had ? [holds('ResolvedRefs', 'NotRequired')] : [];
  }
  const found = documentOf(entry.tenant, ref, configMaps);
  return ['finding' in found ? found.finding : holds('ResolvedRefs', 'Resolved')];
}
