import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from '@sallyport/chassis/log';
import { parseYaml } from '@sallyport/custom-resources/parse';

/** From where to where resources are expanded, and what `${name}` stands for. */
export interface ExpansionOptions {
  readonly from: string;
  readonly to: string;
  readonly values: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** Called after they were copied again. */
  readonly onCopied?: () => void;
}

const SETTLE_MS = 100;

/**
 * Copies the YAML files of a folder (with those below) into another one, replacing `${demo.url}` and the like, and does
 * so again when one changes. Gives a function that ends the watching. What `values` does not name stays as written.
 */
export function expandResources(options: ExpansionOptions): () => void {
  copyAll(options);
  let timer: NodeJS.Timeout | undefined;
  const again = () => {
    clearTimeout(timer);
    // Editors write in several steps; one look after the last is enough.
    timer = setTimeout(() => {
      try {
        copyAll(options);
        options.onCopied?.();
      } catch (error) {
        options.log.warn('the resources could not be read', { error });
      }
    }, SETTLE_MS);
  };
  const watcher: FSWatcher = watch(options.from, { recursive: true }, again);
  watcher.on('error', (error) => options.log.warn('the resources are no longer watched', { error }));
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

/** Whether a resource of a folder declares a tool server that Sallyport runs. */
export function hostsServers(dir: string): boolean {
  return yamlFiles(dir).some((file) => {
    const text = textOf(join(dir, file)) ?? '';
    return /\bhosted\b/.test(text) && parseYaml(text).some(({ value }) => isHosted(value));
  });
}

function isHosted(value: unknown): boolean {
  const { kind, spec } = (value ?? {}) as { kind?: unknown; spec?: { hosted?: unknown } };
  return kind === 'ToolServer' && spec?.hosted !== undefined;
}

/** Replaces each `${name}` that `values` has; others stay. */
export function expanded(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{([\w.-]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

function copyAll({ from, to, values }: ExpansionOptions): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const wanted = yamlFiles(from);
  for (const file of wanted) {
    const text = expanded(readFileSync(join(from, file), 'utf8'), values);
    const target = join(to, file);
    if (text === textOf(target)) continue;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    // Renamed into place: the operator watches and must never read half a file.
    writeFileSync(`${target}.new`, text, { mode: 0o600 });
    renameSync(`${target}.new`, target);
  }
  for (const file of yamlFiles(to)) if (!wanted.includes(file)) rmSync(join(to, file));
}

function yamlFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ya?ml$/.test(file))
    .sort();
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
