import { z } from 'zod';
import { type Rule, withRules } from './define-resource.ts';
import { listOf, resourceName, type SecretKeyRef, secretKeyRef, setOf } from './fields.ts';

/** Names that a hosted server's environment may not have: the way out, and what would change how programs are loaded. */
const reservedNames = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'NODE_USE_ENV_PROXY',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
] as const;
const quotedNames = reservedNames.map((name) => `'${name}'`).join(', ');

const variable = withRules(
  z.object({
    name: z
      .string()
      .max(128)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .describe('Name of the variable.'),
    value: z.string().max(4096).optional().describe('Its value, for all to read. Never a secret.'),
    secretRef: secretKeyRef.optional().describe('Where its value stands, if it is a secret.'),
  }),
  [
    {
      cel: 'has(self.value) != has(self.secretRef)',
      message: 'exactly one of value and secretRef must be given',
      holds: (v) => (v.value === undefined) !== (v.secretRef === undefined),
    },
    {
      cel: `!(self.name.upperAscii() in [${quotedNames}])`,
      message: 'variables of the proxy and of the cluster are set by Sallyport',
      fieldPath: '.name',
      holds: (v) => !reservedNames.some((name) => name === v.name.toUpperCase()),
    },
  ],
);

const quantity = (what: string, pattern: RegExp) => z.string().max(12).regex(pattern, `must be ${what}`);
const cpu = quantity('an amount of CPU such as 500m or 2', /^([1-9][0-9]{0,4}m|[1-9][0-9]?)$/);
const bytes = quantity('an amount such as 256Mi or 1Gi', /^[1-9][0-9]{0,4}(Mi|Gi)$/);

const resources = z.object({
  cpu: cpu.default('500m').describe('Most CPU that it gets.'),
  memory: bytes.default('256Mi').describe('Most memory that it gets; beyond that it is ended.'),
  storage: bytes.default('64Mi').describe('Most that it may write into /tmp, the only folder that it can write to.'),
});

const http = z.object({
  port: z.int().min(1024).max(65535).describe('Port that it listens on.'),
  path: z
    .string()
    .max(256)
    .regex(/^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/, 'must be an absolute path')
    .default('/mcp')
    .describe('Path of its MCP endpoint.'),
});

/** A host that a hosted server may reach, as it is written: `name`, `*.suffix`, each with a port or for 443. */
export const egressHost = z
  .string()
  .max(270)
  .regex(
    /^(\*\.)?[a-z0-9]([-a-z0-9]{0,62})(\.[a-z0-9]([-a-z0-9]{0,62}))*\.[a-z]([-a-z0-9]{0,62})(:[1-9][0-9]{0,4})?$/,
    'must be a host name in lower case, or *. and a domain, and may have a port; no address',
  );

/** `hosted` of a ToolServer: an MCP server that Sallyport runs. */
export const hostedServer = withRules(
  z.object({
    image: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[a-z0-9][A-Za-z0-9._/:@-]*$/, 'must be a reference to an image')
      .describe('Image that it runs in. Where there is no cluster it is not used.'),
    imagePullSecret: resourceName
      .optional()
      .describe('Secret of this namespace with the credentials of the image’s registry.'),
    command: z
      .array(z.string().min(1).max(1024))
      .max(16)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What is run. Left out: as the image says; where there is no cluster it must be given.'),
    args: z
      .array(z.string().max(4096))
      .max(64)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Arguments of the command.'),
    env: listOf(variable, 64, 'name').default([]).describe('Its environment. Nothing else is in it but the proxy.'),
    transport: z
      .enum(['Stdio', 'Http'])
      .default('Stdio')
      .describe('How it speaks MCP: over standard input and output, or Streamable HTTP.'),
    http: http.optional().describe('Transport Http: where it listens.'),
    egress: setOf(egressHost, 64)
      .default([])
      .describe(
        'Hosts that it may reach, over TLS and through the proxy alone: api.example.com, *.example.com, api.example.com:9443.',
      ),
    resources: resources.prefault({}).describe('The most that it may use.'),
    runAsUser: z
      .int()
      .min(1)
      .max(2_000_000_000)
      .default(65532)
      .describe('User that it runs as; never root. Images whose files belong to somebody else say it here.'),
    idleMinutes: z
      .int()
      .min(1)
      .max(1440)
      .optional()
      .describe(
        'Transport Stdio: it is stopped after as long without a call, and started by the next. Left out: never.',
      ),
  }),
  [
    {
      cel: "(self.transport == 'Http') == has(self.http)",
      message: 'http must be given for transport Http, and for no other',
      fieldPath: '.http',
      holds: (h) => (h.transport === 'Http') === (h.http !== undefined),
    },
    {
      cel: "!has(self.idleMinutes) || self.transport == 'Stdio'",
      message: 'idleMinutes is for transport Stdio only',
      fieldPath: '.idleMinutes',
      holds: (h) => h.idleMinutes === undefined || h.transport === 'Stdio',
    },
  ],
);

/** `hosted` of a ToolServer with defaults filled in. */
export type HostedServerSpec = z.output<typeof hostedServer>;

/** A server that Sallyport runs needs no credential of it to be called: its own are in its environment. */
export const hostedRule: Rule<{
  readonly hosted?: HostedServerSpec | undefined;
  readonly auth?: unknown;
  readonly credentials?: unknown;
}> = {
  cel: '!has(self.hosted) || (!has(self.auth) && !has(self.credentials))',
  message: 'a hosted server takes no credentials or auth: its secrets are in hosted.env',
  fieldPath: '.hosted',
  holds: (s) => s.hosted === undefined || (s.auth === undefined && s.credentials === undefined),
};

/** `status.egress` of a ToolServer. */
export const egressStatus = z
  .object({
    refused: z.int().min(0).describe('Connections that were refused since the proxy started.'),
    last: z
      .array(
        z.object({
          host: z.string().max(270).describe('Where to, as it was asked for.'),
          port: z.int().min(0).max(65535).describe('Port.'),
          reason: z.string().max(64).describe('Why it was refused.'),
          at: z.string().max(64).meta({ format: 'date-time' }).describe('When, the last time.'),
        }),
      )
      .max(8)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('The last ones.'),
  })
  .optional()
  .describe('Hosted: connections to hosts that it may not reach.');

/** Status of the connections that the proxy refused to a hosted server. */
export type EgressStatus = NonNullable<z.output<typeof egressStatus>>;

/** Secrets that stand in the environment of a hosted server, each with its place in the resource. */
export function hostedSecretRefs(
  hosted: HostedServerSpec | undefined,
): [path: string, ref: SecretKeyRef | undefined][] {
  return (hosted?.env ?? []).map(({ secretRef }, index) => [`spec.hosted.env[${index}].secretRef`, secretRef]);
}

/** A host that may be reached: its name without the star, whether names below it are meant, and the port. */
export interface EgressTarget {
  readonly name: string;
  readonly below: boolean;
  readonly port: number;
}

/** Reads `hosted.egress`. */
export function egressTargets(egress: readonly string[]): EgressTarget[] {
  return egress.map((text) => {
    const [host = '', port] = text.split(':');
    const below = host.startsWith('*.');
    return { name: below ? host.slice(2) : host, below, port: port === undefined ? 443 : Number(port) };
  });
}

/** Whether a host (lower case, without a final dot) and port are among those that may be reached. */
export function mayReach(targets: readonly EgressTarget[], host: string, port: number): boolean {
  return targets.some(
    (one) =>
      one.port === port &&
      (one.below ? host.endsWith(`.${one.name}`) && host.length > one.name.length + 1 : host === one.name),
  );
}
