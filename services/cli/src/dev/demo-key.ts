import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, parseAllDocuments } from 'yaml';

/** Secrets of virtual keys that identity generated and the operator wrote down. */
export interface DemoKeys {
  /** The secret of a VirtualKey with a targetSecret; waits for it up to 30 s, then rejects. */
  keyOf(tenant: string, virtualKey: string): Promise<string>;
  /** The secrets of VirtualKeys `demo` and `admin` of namespace `default`; empty for one that the resources do not have. */
  demoAndAdmin(): Promise<{ readonly key: string; readonly adminKey: string }>;
}

const WAIT_MS = 30_000;

/** Reads what the operator writes below its `generatedDir`: `secrets/<tenant>/<VirtualKey>.yaml`. */
export function generatedKeys(generatedDir: string, resourcesDir: string): DemoKeys {
  const keyOf = async (tenant: string, virtualKey: string) => {
    const file = join(generatedDir, 'secrets', tenant, `${virtualKey}.yaml`);
    const until = Date.now() + WAIT_MS;
    for (;;) {
      const value = secretIn(file);
      if (value !== undefined) return value;
      if (Date.now() > until) throw new Error(`No key was generated for VirtualKey ${tenant}/${virtualKey}.`);
      await pause(100);
    }
  };
  const ifThere = (name: string) => (declares(resourcesDir, name) ? keyOf('default', name) : Promise.resolve(''));
  return {
    keyOf,
    async demoAndAdmin() {
      const [key, adminKey] = await Promise.all([ifThere('demo'), ifThere('admin')]);
      return { key, adminKey };
    },
  };
}

function secretIn(file: string): string | undefined {
  try {
    const secret = parse(readFileSync(file, 'utf8')) as { stringData?: Record<string, string> } | null;
    return Object.values(secret?.stringData ?? {})[0];
  } catch {
    // Not there yet.
    return undefined;
  }
}

function declares(dir: string, virtualKey: string): boolean {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ya?ml$/.test(file));
  return files.some((file) =>
    parseAllDocuments(readFileSync(join(dir, file), 'utf8')).some((document) => {
      const resource = document.toJS() as {
        kind?: string;
        metadata?: { name?: string; namespace?: string };
        spec?: { targetSecret?: unknown };
      } | null;
      return (
        resource?.kind === 'VirtualKey' &&
        resource.metadata?.name === virtualKey &&
        (resource.metadata.namespace ?? 'default') === 'default' &&
        resource.spec?.targetSecret !== undefined
      );
    }),
  );
}
