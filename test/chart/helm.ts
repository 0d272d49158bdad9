import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** The repository. */
export const root = resolve(import.meta.dirname, '../..');
/** The chart. */
export const chart = join(root, 'charts/sallyport');
/** Names of the scenarios in `ci/`. */
export const scenarios = readdirSync(join(chart, 'ci')).map((file) => file.replace('-values.yaml', ''));

/** A Kubernetes object as rendered. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
export type Rendered = { kind: string; metadata: { name: string; namespace?: string }; [field: string]: any };

/** The helm binary: on the PATH that `$CLUSTER env` prints, beside the cluster script, or on our own. Undefined: nowhere. */
export const helm = findHelm();

function findHelm(): string | undefined {
  const script = resolve(root, process.env.CLUSTER ?? '../shared/cluster/cluster');
  if (existsSync(script)) {
    const listed = /PATH=(\S+?):/.exec(execFileSync(script, ['env'], { encoding: 'utf8' }))?.[1];
    if (listed !== undefined && existsSync(join(listed, 'helm'))) return join(listed, 'helm');
    const packed = join(dirname(script), 'bin/helm.xz');
    if (existsSync(packed)) return unpacked(packed);
  }
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'helm'))
    .find((file) => existsSync(file));
}

// Unpacked once a version: it takes a second.
function unpacked(packed: string): string | undefined {
  const { size, mtimeMs } = statSync(packed);
  const stamp = createHash('sha256').update(`${packed} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `sallyport-helm-${stamp}`);
  const file = join(folder, 'helm');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  const done = spawnSync('sh', ['-c', 'xz -dc "$1" > "$2" && chmod 755 "$2"', 'sh', packed, fresh]);
  if (done.status !== 0) return undefined;
  renameSync(fresh, file);
  return file;
}

/** Runs helm; gives its exit code and what it printed. */
export function runHelm(...args: string[]): { readonly code: number; readonly output: string } {
  const done = spawnSync(helm as string, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, timeout: 60_000 });
  return { code: done.status ?? 1, output: `${done.stdout}${done.stderr}` };
}

/** The objects of a scenario, as release `sallyport` in namespace `gate`. Throws what helm says when it refuses. */
export function render(scenario: string, ...sets: string[]): Rendered[] {
  return objectsIn(renderText(scenario, ...sets));
}

/** The same as helm prints it. */
export function renderText(scenario: string, ...sets: string[]): string {
  const values = join(chart, 'ci', `${scenario}-values.yaml`);
  const args = ['template', 'sallyport', chart, '--namespace', 'gate', '--values', values];
  const done = spawnSync(helm as string, [...args, ...sets.flatMap((set) => ['--set', set])], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout;
}

/** The objects in a text of YAML. Helm and kubectl read 1.1, in which a bare `on` is true and `0777` is octal. */
export function objectsIn(text: string, version: '1.1' | '1.2' = '1.2'): Rendered[] {
  return parseAllDocuments(text, { version })
    .map((document) => document.toJS() as Rendered | null)
    .filter((object): object is Rendered => object !== null);
}

/** Objects of a kind. */
export const ofKind = (objects: readonly Rendered[], ...kinds: string[]): Rendered[] =>
  objects.filter(({ kind }) => kinds.includes(kind));

/** Every pod template, with the name of its owner. */
export function podsOf(objects: readonly Rendered[]): { readonly name: string; readonly pod: Rendered }[] {
  return ofKind(objects, 'Deployment', 'StatefulSet', 'Job', 'CronJob').map((object) => ({
    name: `${object.kind}/${object.metadata.name}`,
    pod: object.kind === 'CronJob' ? object.spec.jobTemplate.spec.template : object.spec.template,
  }));
}
