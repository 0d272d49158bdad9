import type { Finding, Kind } from '@sallyport/custom-resources';
import { kinds } from '@sallyport/custom-resources';
import type { Observation } from '@sallyport/proto/snapshot/v1/snapshot_pb';

/** What a service saw of a resource. */
export type Observed = {
  readonly findings: readonly Finding[];
  /** Further fields of the status. */
  readonly fields: Readonly<Record<string, unknown>>;
};

/** What services may say of a kind; all else is the operator's own to say. */
export const observable: Readonly<Partial<Record<Kind, { conditions: readonly string[]; fields: readonly string[] }>>> =
  {
    ModelProvider: { conditions: ['Reachable', 'CredentialsValid'], fields: ['models', 'modelCount'] },
    IdentityProvider: { conditions: ['Reachable'], fields: ['keys'] },
    Team: { conditions: [], fields: ['memberCount'] },
    ToolPolicy: { conditions: [], fields: ['observed'] },
    Toolset: { conditions: ['ResolvedRefs'], fields: ['toolCount', 'definitionTokens'] },
    ToolServer: {
      conditions: ['Reachable', 'CredentialsValid', 'DefinitionDrift', 'DefinitionSuspect'],
      fields: ['tools', 'definitionTokens'],
    },
  };

/** Checks an observation of a kind; what a service may not say, or says wrongly, comes back in `refused`. */
export function readObservation(
  kind: Kind,
  observation: Observation,
  allowed = observable[kind] ?? { conditions: [], fields: [] },
): { observed: Observed; refused: string[] } {
  const refused: string[] = [];
  const findings: Finding[] = [];
  for (const { type, status, reason, message } of observation.conditions) {
    if (!allowed.conditions.includes(type)) refused.push(`condition ${type}`);
    else if (status !== 'True' && status !== 'False' && status !== 'Unknown') refused.push(`status of ${type}`);
    else if (!/^[A-Z][A-Za-z0-9]{0,63}$/.test(reason)) refused.push(`reason of ${type}`);
    else findings.push({ type, status, reason, message });
  }
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(readFields(observation.statusJson, refused))) {
    const known = kinds[kind].status.shape as Record<
      string,
      { safeParse(value: unknown): { success: boolean } } | undefined
    >;
    const schema = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!allowed.fields.includes(name) || schema === undefined || !schema.safeParse(value).success) {
      refused.push(`status field ${name}`);
    } else fields[name] = value;
  }
  return { observed: { findings, fields }, refused };
}

function readFields(json: string, refused: string[]): Record<string, unknown> {
  if (json === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, together with JSON that is no object.
  }
  refused.push('status_json');
  return {};
}

/** The last observations by UID, in memory: services repeat them, and the status in the cluster keeps what they led to. */
export interface Observations {
  get(uid: string): Observed | undefined;
  /** Lays an observation over what is known; later words of one condition win. */
  add(uid: string, observed: Observed): void;
  forget(uid: string): void;
}

/** Makes an empty set of observations. */
export function observations(): Observations {
  const held = new Map<string, Observed>();
  return {
    get: (uid) => held.get(uid),
    add(uid, { findings, fields }) {
      const before = held.get(uid);
      const kept = (before?.findings ?? []).filter((old) => !findings.some((finding) => finding.type === old.type));
      held.set(uid, { findings: [...kept, ...findings], fields: { ...before?.fields, ...fields } });
    },
    forget: (uid) => void held.delete(uid),
  };
}
