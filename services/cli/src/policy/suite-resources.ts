import { isKind, type Kind, parseSpec, type Resource } from '@sallyport/custom-resources';
import type { AdminGet } from '../admin-client.ts';
import { CommandError } from '../arguments.ts';
import { DEFAULT_NAMESPACE, resource } from './compiled-rules.ts';

/** Kinds that decisions on calls rest on. */
const DECIDING: readonly Kind[] = ['AccessPolicy', 'ToolPolicy', 'ToolServer', 'Model'];

/**
 * The resources of a running suite that decisions rest on, as they are in force there. What cannot be read stays as it is:
 * policy refuses what it might select, and so must who decides again.
 */
export async function suiteResources(get: AdminGet): Promise<Resource[]> {
  const { items } = (await get('resources')) as {
    items: {
      kind: string;
      namespace: string;
      name: string;
      spec: unknown;
      status: { inForce?: { spec: string } } | null;
    }[];
  };
  return items.flatMap(({ kind, namespace, name, spec, status }) => {
    if (!isKind(kind) || !DECIDING.includes(kind)) return [];
    // A policy that is not accepted leaves its last good spec in force.
    const inForce = status?.inForce === undefined ? spec : JSON.parse(status.inForce.spec);
    const parsed = parseSpec(kind, inForce, name);
    return [resource(kind, name, namespace, parsed.ok ? parsed.value : inForce)];
  });
}

/** The namespace of what the admin key may see. */
export async function namespaceOf(get: AdminGet): Promise<string> {
  return ((await get('whoami')) as { tenant: string }).tenant;
}

/**
 * Resources to try, of the suite's namespace or, where the files have none of that, of the default one: all of a kind that the
 * files hold any of, and the suite's own of every other kind, so that a folder of ToolPolicies is tried with the tools and
 * people that there are. Throws CommandError where the files hold nothing to try.
 */
export function tried(files: readonly Resource[], suite: readonly Resource[], namespace: string): Resource[] {
  const own = files.some((one) => one.metadata.namespace === namespace) ? namespace : DEFAULT_NAMESPACE;
  const given = files
    .filter(({ kind, metadata }) => DECIDING.includes(kind) && metadata.namespace === own)
    .map((one) => ({ ...one, metadata: { ...one.metadata, namespace } }) as Resource);
  if (given.length === 0) {
    throw new CommandError(
      `the files hold nothing that decides in the namespaces ${namespace} or ${DEFAULT_NAMESPACE}`,
      1,
    );
  }
  const kinds = new Set(given.map(({ kind }) => kind));
  return [...given, ...suite.filter((one) => !kinds.has(one.kind))];
}
