import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crdsYaml, crdTemplate } from './crd.ts';
import { kinds } from './kinds.ts';

/** Writes the CRDs into the chart and `deploy/crds.yaml` under a repository root; files of kinds that went are removed. */
export async function renderCrds(root: string): Promise<string[]> {
  const folder = join(root, 'charts/sallyport/templates/crds');
  await mkdir(folder, { recursive: true });
  await mkdir(join(root, 'deploy'), { recursive: true });
  const definitions = Object.values(kinds);
  const names = definitions.map((definition) => `${definition.plural}.yaml`);
  for (const stale of (await readdir(folder)).filter((name) => !names.includes(name))) await rm(join(folder, stale));
  const files = definitions.map((definition) => join(folder, `${definition.plural}.yaml`));
  await Promise.all(definitions.map((definition, index) => writeFile(files[index] as string, crdTemplate(definition))));
  const all = join(root, 'deploy/crds.yaml');
  await writeFile(all, crdsYaml(definitions));
  return [...files, all];
}

if (import.meta.main) {
  for (const file of await renderCrds(join(import.meta.dirname, '../../..'))) console.log(file);
}
