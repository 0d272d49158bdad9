import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  type ConfigMap,
  isConfigMap,
  isKind,
  isOurs,
  isSecret,
  type Kind,
  type Parsed,
  parseConfigMap,
  parseMetadata,
  parseResource,
  parseSecret,
  parseYaml,
  type Resource,
  type Secret,
} from '@sallyport/custom-resources';

/** A resource as a file has it, before it has a UID and a generation. */
export type FileResource = {
  readonly kind: Kind;
  readonly tenant: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly written: unknown;
  readonly parsed: Parsed<Resource>;
  /** `file:line`, for messages. */
  readonly where: string;
};

/** What one file holds. */
export type FileContent = {
  readonly resources: readonly FileResource[];
  readonly secrets: readonly Secret[];
  readonly configMaps: readonly ConfigMap[];
  /** What could not be taken at all, one line each, with file and line. */
  readonly faults: readonly string[];
  /** True: some of it is no YAML, so that what it said before should stay in force. */
  readonly broken: boolean;
};

/** Every YAML and JSON file under a folder with a stamp that changes when it is written, sorted by path. Hidden ones are left out. */
export async function listFiles(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const paths = entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(root, path)
          .split('/')
          .some((part) => part.startsWith('.')),
    )
    .sort();
  // All at once: one after the other, each of them would wake the process up, every few seconds.
  const states = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  for (const [index, path] of paths.entries()) {
    const state = states[index];
    if (state?.isFile()) found.set(path, `${state.mtimeMs}/${state.size}/${state.ino}`);
  }
  return found;
}

/** Reads one file. Faults of single resources are theirs; only what names no resource is a fault of the file. */
export async function readResourceFile(path: string): Promise<FileContent> {
  const text = await readFile(path, 'utf8');
  const resources: FileResource[] = [];
  const secrets: Secret[] = [];
  const configMaps: ConfigMap[] = [];
  const faults: string[] = [];
  let broken = false;
  for (const { line, value, faults: yamlFaults } of parseYaml(text)) {
    const where = `${path}:${line}`;
    if (yamlFaults.length > 0) {
      broken = true;
      faults.push(...yamlFaults.map((fault) => `${path}: ${fault.message}`));
    } else if (isSecret(value)) {
      const secret = parseSecret(value);
      if (secret.ok) secrets.push(secret.value);
      else faults.push(...secret.faults.map((fault) => `${where}: ${fault.path}: ${fault.message}`));
    } else if (isConfigMap(value)) {
      const configMap = parseConfigMap(value);
      if (configMap.ok) configMaps.push(configMap.value);
      else faults.push(...configMap.faults.map((fault) => `${where}: ${fault.path}: ${fault.message}`));
    } else if (isOurs(value)) {
      const metadata = parseMetadata(value.metadata);
      const parsed = parseResource(value);
      if (isKind(value.kind) && metadata.ok) {
        const { name, namespace: tenant, annotations } = metadata.value;
        resources.push({ kind: value.kind, tenant, name, annotations, written: value.spec, parsed, where });
      } else if (!parsed.ok) faults.push(...parsed.faults.map((fault) => `${where}: ${fault.path}: ${fault.message}`));
    } else faults.push(`${where}: neither a resource of Sallyport nor a Secret or ConfigMap; left out`);
  }
  return { resources, secrets, configMaps, faults, broken };
}
