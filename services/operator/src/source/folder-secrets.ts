import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSecret, parseYaml, type SecretKeyRef } from '@sallyport/custom-resources';
import { stringify } from 'yaml';
import type { Entry } from '../entry.ts';
import type { Departed, TargetState } from './source.ts';

const owner = 'sallyport.dev/virtual-key-uid';

// One file for each resource, so that two that write into the same Secret never touch each other's file.
function fileOf(dir: string, entry: Pick<Entry, 'tenant' | 'name'>): string {
  return join(dir, entry.tenant, `${entry.name}.yaml`);
}

/** Whether the value that was generated for a resource is there. */
export async function readTarget(dir: string, entry: Entry, ref: SecretKeyRef): Promise<TargetState> {
  let text: string;
  try {
    text = await readFile(fileOf(dir, entry), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw error;
  }
  const secret = parseSecret(parseYaml(text)[0]?.value);
  if (!secret.ok || secret.value.metadata.name !== ref.name) return 'absent';
  // Another incarnation of a resource of the same name left it: its key is gone, so is the worth of the value.
  if (secret.value.metadata.annotations[owner] !== entry.uid) return 'absent';
  return secret.value.data.has(ref.key) ? 'present' : 'absent';
}

/** Writes a generated value as a Secret file that only this user can read. */
export async function writeTargetFile(dir: string, entry: Entry, ref: SecretKeyRef, value: string): Promise<void> {
  const file = fileOf(dir, entry);
  await mkdir(join(dir, entry.tenant), { recursive: true, mode: 0o700 });
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: ref.name, namespace: entry.tenant, annotations: { [owner]: entry.uid } },
    stringData: { [ref.key]: value },
  };
  await writeFile(`${file}.new`, stringify(secret), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Takes away the generated value of a resource that is gone. */
export async function removeTargetFile(dir: string, departed: Pick<Departed, 'tenant' | 'name'>): Promise<void> {
  await rm(fileOf(dir, departed), { force: true });
}
