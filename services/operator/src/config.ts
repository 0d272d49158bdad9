import { blocks } from '@sallyport/chassis/config';
import { hostedAmounts } from '@sallyport/custom-resources';
import { z } from 'zod';

const namespace = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace');

const folder = z.strictObject({
  /** Folder of YAML files with resources and Secrets, watched. */
  path: z.string().min(1),
  /** Generated Secrets, and the state that a cluster would keep. Must survive restarts. */
  generatedDir: z.string().min(1),
});

const labels = z.record(z.string().max(317), z.string().max(63));

const hosting = z.strictObject({
  /** Image of Sallyport, for the probe that tries what a hosted server can reach. */
  image: z.string().min(1),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  /** Host name and port of the Service of egress-proxy. */
  proxy: z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535) }),
  /** Labels of the pods of egress-proxy and mcp-host, which stand in the operator's own namespace. */
  proxyLabels: labels,
  hostLabels: labels,
  /** Key of the credentials that hosted servers show to egress-proxy; the same as its own. */
  egressKeyFile: z.string().min(1),
  /** Most hosted servers of one namespace. */
  maxPerNamespace: z.int().min(1).max(1_000).default(20),
  /** Most that one of them may ask for, and most pods of one namespace, those of single principals among them. */
  max: z
    .strictObject({
      cpu: hostedAmounts.cpu.default('2'),
      memory: hostedAmounts.bytes.default('2Gi'),
      storage: hostedAmounts.bytes.default('1Gi'),
      podsPerNamespace: z.int().min(1).max(10_000).default(50),
    })
    .prefault({}),
  /** Starts no server whose pod cannot prove that egress is enforced. */
  requireEgressEnforced: z.boolean().default(false),
});

const cluster = z.strictObject({
  /** Namespaces that are watched; empty: all. */
  watchNamespaces: z.array(namespace).max(100).default([]),
  /** Absent: the service account of the pod. */
  kubeconfigFile: z.string().optional(),
  leaderElection: z
    .strictObject({
      lease: z.string().min(1).default('sallyport-operator'),
      /** Seconds after which a silent leader is replaced. */
      durationSeconds: z.int().min(3).default(15),
      renewSeconds: z.int().min(1).default(10),
      retrySeconds: z.int().min(1).default(2),
    })
    .prefault({}),
  /** Runs hosted tool servers; absent: they are not run. */
  hosting: hosting.optional(),
});

/** The configuration of operator: exactly one of `folder` and `cluster` says where resources come from. */
export const configSchema = z
  .strictObject({
    log: blocks.log,
    tracing: blocks.tracing,
    admin: blocks.admin,
    grpc: blocks.listen,
    tls: blocks.tls,
    insecure: blocks.insecure,
    /** `vault` and `identity` are needed. */
    peers: blocks.peers.transform((targets, context) => {
      const { vault, identity } = targets;
      if (vault !== undefined && identity !== undefined) return { vault, identity };
      context.addIssue({ code: 'custom', message: 'vault and identity must be given' });
      return z.NEVER;
    }),
    drain: blocks.drain,
    folder: folder.optional(),
    cluster: cluster.optional(),
  })
  .refine((config) => (config.folder === undefined) !== (config.cluster === undefined), {
    message: 'exactly one of folder and cluster must be given',
  });

/** The configuration of operator, read. */
export type Config = z.output<typeof configSchema>;

/** Where a cluster is and what of it is watched. */
export type ClusterConfig = z.output<typeof cluster>;
