import { z } from 'zod';

/** Where the pod's own token for an identity stands unless its entry says otherwise; the chart projects it there. */
const TOKENS = '/etc/sallyport/workload';

const email = z
  .string()
  .max(256)
  .regex(/^[a-z0-9-]{1,64}@[a-z0-9.-]{1,190}$/);
const visible = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]+$/);

const clouds = {
  /** A role that the pod's token is exchanged for at AWS STS (IAM roles for service accounts). */
  aws: z
    .strictObject({
      role: z
        .string()
        .max(256)
        .regex(/^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,128}$/),
      /** Region whose STS is asked. */
      region: z
        .string()
        .max(32)
        .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/),
    })
    .optional(),
  /** The role that EKS Pod Identity associates with vault's service account. */
  awsPodIdentity: z.strictObject({}).optional(),
  /** Google's workload identity federation. */
  google: z
    .strictObject({
      /** Full name of the provider of the pool: `//iam.googleapis.com/projects/…/providers/…`. */
      audience: visible,
      /** Account that is impersonated; absent: the federated identity itself is let in. */
      serviceAccount: email.optional(),
    })
    .optional(),
  /** An application, or a managed identity, at Microsoft Entra ID with a federated credential. */
  azure: z
    .strictObject({
      tenantId: z
        .string()
        .max(253)
        .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/),
      clientId: visible,
      scope: visible.default('https://cognitiveservices.azure.com/.default'),
    })
    .optional(),
};

/** One identity that this pod may take on at a cloud. Who runs the gateway says which tenants may use it, and where. */
const identitySchema = z
  .strictObject({
    /** What a ModelProvider calls it. */
    name: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/),
    /** Namespaces whose ModelProviders may use it; `*` for all. */
    tenants: z.array(z.string().min(1).max(63)).min(1).max(1000),
    ...clouds,
    /** Hosts, with their port where it is no usual one, to which calls in its name may go by https; absent: the cloud's own for models. */
    hosts: z.array(z.string().min(1).max(260)).min(1).max(64).optional(),
    /** Where the pod's token is exchanged in place of the cloud's own endpoint; it may be private. */
    endpoint: z.url({ protocol: /^https?$/ }).optional(),
    /** Where the account is impersonated in place of Google's own endpoint. */
    impersonationEndpoint: z.url({ protocol: /^https?$/ }).optional(),
    /** The pod's own token, which Kubernetes renews; absent: as the chart projects it. */
    tokenFile: z.string().min(1).optional(),
    /** Whom the projected token is for; read by the chart. Absent: as the cloud demands. */
    tokenAudience: visible.optional(),
  })
  .refine((one) => Object.keys(clouds).filter((cloud) => cloud in one).length === 1, {
    message: 'must have one of aws, awsPodIdentity, google, azure',
  });

/** All of them; a name stands once. */
export const identitiesSchema = z
  .array(identitySchema)
  .max(64)
  .default([])
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { message: 'names must differ' });

/** An identity at a cloud. */
export type WorkloadIdentity = z.output<typeof identitySchema>;

/** The file with the pod's own token for an identity. */
export function tokenFileOf({ tokenFile, name }: WorkloadIdentity): string {
  return tokenFile ?? `${TOKENS}/${name}`;
}

/** Hosts of models alone: others of a cloud belong to whoever rents them. */
const OF_AWS = /^bedrock(-runtime)?(-fips)?\.[a-z0-9-]{1,32}\.amazonaws\.com(\.cn)?$/;
const OF_GOOGLE = /^([a-z0-9-]{1,32}-aiplatform\.googleapis\.com|aiplatform\.([a-z]{2}\.rep\.)?googleapis\.com)$/;
const OF_AZURE = /^[a-z0-9-]{1,64}\.(openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com)$/;

/** Whether calls in the name of an identity may go to an origin. */
export function mayCall({ hosts, google, azure }: WorkloadIdentity, origin: string): boolean {
  const { protocol, host } = new URL(origin);
  // A resource says the scheme: a token never goes in the clear, whichever host it is for.
  if (protocol !== 'https:') return false;
  if (hosts !== undefined) return hosts.includes(host);
  const own = google ? OF_GOOGLE : azure ? OF_AZURE : OF_AWS;
  return own.test(host);
}
