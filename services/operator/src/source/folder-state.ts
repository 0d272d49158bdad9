import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isKind, type Kind } from '@sallyport/custom-resources';
import { z } from 'zod';
import { type Status, sha256 } from '../entry.ts';

const remembered = z.object({
  kind: z.string().refine(isKind),
  tenant: z.string(),
  name: z.string(),
  /** How often a resource of this name was made anew after it was gone. */
  incarnation: z.int().min(0),
  /** `pending`: it is gone, and what it had elsewhere (keys, grants) has yet to be undone. */
  gone: z.enum(['no', 'pending', 'done']),
  generation: z.int().min(1),
  createdAtMs: z.number(),
  specHash: z.string(),
  status: z.record(z.string(), z.unknown()),
});
const stored = z.object({ version: z.literal(1), resources: z.array(remembered) });

/** What a cluster would keep of a resource and a folder cannot: age, generation, status. */
export type Remembered = Omit<z.output<typeof remembered>, 'kind' | 'status'> & {
  readonly kind: Kind;
  readonly status: Status;
};

/** Reads the state file; a missing one is empty, a damaged one too (`damaged` says so). */
export async function loadState(file: string): Promise<{ resources: Remembered[]; damaged: boolean }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { resources: [], damaged: false };
    throw error;
  }
  try {
    return { resources: stored.parse(JSON.parse(text)).resources as Remembered[], damaged: false };
  } catch {
    return { resources: [], damaged: true };
  }
}

/** Writes the state file so that a crash leaves either the old or the new one whole. */
export async function storeState(file: string, resources: readonly Remembered[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, JSON.stringify({ version: 1, resources }), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** The UID of a resource in a folder: the same after a restart, another one after it was gone and came back. */
export function uidOf(of: Pick<Remembered, 'kind' | 'tenant' | 'name' | 'incarnation'>): string {
  const hex = sha256(`${of.kind}/${of.tenant}/${of.name}/${of.incarnation}`);
  // Version 8 (RFC 9562 §5.8): a UUID of our own making.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
