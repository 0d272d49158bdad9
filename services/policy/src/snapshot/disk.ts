import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Held } from './held.ts';
import { KINDS } from './units.ts';

const item = z.object({
  tenant: z.string(),
  name: z.string(),
  uid: z.string(),
  specJson: z.string(),
  contentHash: z.string(),
  createdAtMs: z.number(),
});
const stored = z.object({
  version: z.literal(1),
  kinds: z.array(z.object({ kind: z.enum(KINDS), revision: z.string(), items: z.array(item) })),
});

/** Reads the last snapshot; undefined when there is no file. Rejects when the file is damaged. */
export async function loadHeld(file: string): Promise<Held | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { kinds } = stored.parse(JSON.parse(text));
  return new Map(
    kinds.map(({ kind, revision, items }) => [kind, { revision, items: new Map(items.map((one) => [one.uid, one])) }]),
  );
}

/** Stores a snapshot so that a crash leaves either the old or the new file whole. */
export async function storeHeld(file: string, held: Held): Promise<void> {
  const kinds = Array.from(held, ([kind, { revision, items }]) => ({ kind, revision, items: [...items.values()] }));
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ version: 1, kinds }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}
