import { strictEqual } from 'node:assert';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { findCondition, type Kind } from '@sallyport/custom-resources';
import { ResourceService } from '@sallyport/proto/resources/v1/resources_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { operatorMetrics } from '../metrics.ts';
import { createOperator } from '../operator.ts';
import { resourceService, snapshotService } from '../server.ts';
import type { SnapshotItem } from '../snapshot/compile.ts';
import { folderSource } from '../source/folder.ts';
import { fakePeers } from './fake-peers.ts';

const log = createLogger({ service: 'test', level: 'error' });
const undo: (() => unknown)[] = [];

/** Ends all suites that were made. */
export async function endSuites(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

/** The beginning of a resource in YAML; annotations as `, annotations: {…}`. */
export const head = (kind: string, name: string, annotations = '') =>
  `apiVersion: sallyport.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}${annotations}}\n`;
/** The Secret of `provider`, in YAML. */
export const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: openai}\nstringData: {key: sk-secret-value}\n';
/** The ModelProvider `openai`, in YAML. */
export const provider = (url = 'https://a.example', annotations = '') =>
  `${head('ModelProvider', 'openai', annotations)}spec: {type: openai-compatible, baseURL: "${url}", credentials: {secretRef: {name: openai, key: key}}}\n`;
/** A Model of `provider`, in YAML. */
export const model = (name: string, publicName = name) =>
  `${head('Model', name)}spec: {publicName: ${publicName}, targets: [{provider: openai, model: gpt}]}\n`;

/** An operator that leads over a folder of these files, its services answering over real sockets, its peers fakes. */
export async function suite(files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-operator-'));
  undo.push(() => rm(root, { recursive: true }));
  const path = join(root, 'resources');
  await mkdir(path);
  const write = (name: string, text: string) => writeWhole(join(path, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const peers = await fakePeers();
  undo.push(() => peers.close());
  const generatedDir = join(root, 'generated');
  const source = folderSource({ path, generatedDir, log, debounceMs: 5, rescanMs: 60_000 });
  const metrics = operatorMetrics(createMetrics('operator', { defaults: false }));
  const operator = createOperator({ source, clients: peers.clients, log, metrics, heartbeatMs: 50 });
  operator.start?.();
  await source.start?.();
  await operator.lead(true);
  undo.push(async () => {
    await operator.stop?.(0);
    await source.stop?.(0);
  });
  const { publisher, observations, leads, observed } = operator;
  const served = { publisher, view: source, observations, leads, onObserved: observed, log };
  const snapshots = await inProcess(SnapshotService, snapshotService(served), { caller: 'mcp-broker' });
  const policy = await inProcess(SnapshotService, snapshotService(served), { caller: 'policy' });
  const resources = await inProcess(ResourceService, resourceService(source), { caller: 'console' });
  undo.push(
    () => snapshots.close(),
    () => policy.close(),
    () => resources.close(),
  );
  const condition = (kind: Kind, name: string, type: string) =>
    findCondition(source.get(kind, 'default', name)?.status.conditions, type);
  const reason = (kind: Kind, name: string, type: string) => {
    const found = condition(kind, name, type);
    return found === undefined ? 'none' : `${found.status} ${found.reason}`;
  };
  const whole = async (kind: Kind) => {
    for await (const message of operator.publisher.watch([kind], AbortSignal.timeout(15_000))) {
      if (message.kind === kind) return message.upserts;
    }
    throw new Error(`nothing of ${kind} is published`);
  };
  /** What is in force of a kind, once it is as wanted or some seconds have gone. */
  const inForce = async (kind: Kind, wanted: (items: readonly SnapshotItem[]) => boolean) => {
    let items = await whole(kind);
    for (let i = 0; i < 1_500 && !wanted(items); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      items = await whole(kind);
    }
    return items;
  };
  return {
    path,
    inForce,
    write,
    remove: (name: string) => rm(join(path, name)),
    peers,
    source,
    operator,
    snapshots,
    policy,
    resources,
    condition,
    reason,
  };
}

/** Writes a file at once, as `kubectl` or an editor that is careful does: nobody ever reads half of it. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Waits for at most some seconds until something is as wanted. Rejects where it never is. */
export async function eventually(what: () => unknown, wanted: unknown): Promise<void> {
  for (let i = 0; i < 1_500 && what() !== wanted; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  strictEqual(what(), wanted);
}
