import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKind, kinds } from '@sallyport/custom-resources/kinds';
import { parseAllDocuments } from 'yaml';
import { apply, cluster, kubectl, NAMESPACE, names, run } from './kube.ts';

const pluralOf = (kind: keyof typeof kinds) => `${kinds[kind].plural}.sallyport.dev`;

/** Plurals of all kinds. */
export const USER_KINDS = Object.keys(kinds).filter(isKind).map(pluralOf);

/** Plurals of the kinds of which a folder has resources. */
export function kindsIn(folder: string): string[] {
  const documents = readdirSync(folder).flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')));
  return [...new Set(documents.map((one) => one.get('kind')).filter(isKind))].map(pluralOf);
}

const chart = join(import.meta.dirname, '../../charts/sallyport');
const STORAGE_CLASS = 'sallyport-test';
const CLAIMS = ['spool-sallyport-model-proxy-0', 'spool-sallyport-mcp-broker-0'];

/** What `helm install` and `helm upgrade` are given after the name of the release: the profile small, spools on volumes. */
export function installArguments(): string[] {
  const { image = '', postgresImage, volumes } = cluster ?? {};
  const colon = image.lastIndexOf(':');
  const values: Record<string, string> = {
    'image.repository': image.slice(0, colon),
    'image.tag': image.slice(colon + 1),
    'spool.persistent': 'true',
    ...(postgresImage === undefined ? {} : { 'postgres.bundled.image': postgresImage }),
    ...(volumes === undefined ? {} : { 'spool.storageClassName': STORAGE_CLASS }),
  };
  return [
    chart,
    '--namespace',
    NAMESPACE,
    '--values',
    join(chart, 'ci/small-values.yaml'),
    ...Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
  ];
}

const OURS = 'sallyport.dev/cluster-test';

/** Makes the namespace, restricted, and volumes where the cluster has none of its own. Throws when somebody else uses them. */
export function prepareCluster(): void {
  const foreign = names('namespaces', `--field-selector=metadata.name=${NAMESPACE}`, '-l', `!${OURS}`);
  if (foreign.length > 0) throw new Error(`Namespace ${NAMESPACE} is in use; this test would take it down.`);
  // What a run that was killed left behind.
  restoreCluster();
  apply([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted', [OURS]: 'true' } },
    },
    ...(cluster?.volumes === undefined ? [] : CLAIMS.map((claim) => volumeFor(claim, `${cluster?.volumes}/${claim}`))),
  ]);
}

/** Takes away what a run may have left, in an order in which nothing waits for anything. */
export function restoreCluster(): void {
  if (run('helm', ['list', '-n', NAMESPACE, '-q']).trim() !== '')
    run('helm', ['uninstall', 'sallyport', '-n', NAMESPACE]);
  const crds = names('crd', '-l', 'app.kubernetes.io/part-of=sallyport');
  if (crds.length > 0) kubectl('delete', ...crds, '--timeout=60s');
  kubectl('delete', 'secret', 'demo-provider', 'demo-key', 'admin-key', '--ignore-not-found');
  kubectl('delete', 'namespace', NAMESPACE, '--timeout=120s', '--ignore-not-found');
  kubectl('delete', 'pv', ...CLAIMS, '--ignore-not-found', '--timeout=30s');
}

// On one node a folder of it serves as a volume.
function volumeFor(claim: string, path: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: claim },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: STORAGE_CLASS,
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace: NAMESPACE, name: claim },
      hostPath: { path, type: 'Directory' },
    },
  };
}
