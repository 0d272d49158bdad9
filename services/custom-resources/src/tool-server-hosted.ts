import { z } from 'zod';
import { type Rule, withRules } from './define-resource.ts';
import { listOf, resourceName, type SecretKeyRef, secretKeyRef, setOf } from './fields.ts';
import { egressHost } from './tool-server-egress.ts';

/** Names that a hosted server's environment may not have, in any case: those of the proxy and of the API server. */
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
    perPrincipal: z
      .boolean()
      .default(false)
      .describe(
        'Each principal’s own process has the value under the principal’s own key of that Secret, and no other process has ' +
          'it: user.<name>, or key.<id> and client.<id> where no user stands behind one; what is no letter, digit, dot or ' +
          'hyphen is written as _ and two hex digits a byte (user.dana_40example.com). secretRef.key is for the process ' +
          'that is asked in nobody’s name, for lists.',
      ),
  }),
  [
    {
      cel: 'has(self.value) != has(self.secretRef)',
      message: 'exactly one of value and secretRef must be given',
      holds: (v) => (v.value === undefined) !== (v.secretRef === undefined),
    },
    {
      cel: '!self.perPrincipal || has(self.secretRef)',
      message: 'perPrincipal is for values of a Secret',
      fieldPath: '.perPrincipal',
      holds: (v) => !v.perPrincipal || v.secretRef !== undefined,
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
        'Transport Stdio, and isolation PerPrincipal: it is stopped after as long without a call, and started by the next. ' +
          'Left out: never; of a principal: after 15.',
      ),
    isolation: z
      .enum(['Shared', 'PerPrincipal'])
      .default('Shared')
      .describe(
        'Shared: one process for all. PerPrincipal: each principal has a process of its own, started by its first call, ' +
          'stopped when it is idle, and taken away when the principal is revoked or this resource changes.',
      ),
    maxPrincipals: z
      .int()
      .min(1)
      .max(200)
      .default(20)
      .describe('Isolation PerPrincipal: most processes at once; a principal that would have one more is refused.'),
    requireEgressEnforced: z
      .boolean()
      .default(false)
      .describe(
        'It is not started where the probe in its pod cannot prove that it reaches the proxy and nothing else.',
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
      cel: "!has(self.idleMinutes) || self.transport == 'Stdio' || self.isolation == 'PerPrincipal'",
      message: 'idleMinutes is for transport Stdio and isolation PerPrincipal only',
      fieldPath: '.idleMinutes',
      holds: (h) => h.idleMinutes === undefined || h.transport === 'Stdio' || h.isolation === 'PerPrincipal',
    },
    {
      cel: "self.isolation == 'PerPrincipal' || !self.env.exists(e, e.perPrincipal)",
      message: 'values per principal need isolation PerPrincipal',
      fieldPath: '.env',
      holds: (h) => h.isolation === 'PerPrincipal' || !h.env.some((one) => one.perPrincipal),
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

/** Secrets that stand in the environment of a hosted server, each with its place in the resource. */
export function hostedSecretRefs(
  hosted: HostedServerSpec | undefined,
): [path: string, ref: SecretKeyRef | undefined][] {
  return (hosted?.env ?? []).map(({ secretRef }, index) => [`spec.hosted.env[${index}].secretRef`, secretRef]);
}

const IDLE_MINUTES = 15;

/** Minutes without a call after which a process is stopped; undefined: never. */
export function idleMinutesOf(hosted: HostedServerSpec, ofPrincipal: boolean): number | undefined {
  return hosted.idleMinutes ?? (ofPrincipal ? IDLE_MINUTES : undefined);
}

/** CPU in thousandths, of an amount such as `500m` or `2`. */
export function cpuMillis(amount: string): number {
  return amount.endsWith('m') ? Number(amount.slice(0, -1)) : Number(amount) * 1000;
}

/** MiB, of an amount such as `256Mi` or `1Gi`. */
export function mebibytes(amount: string): number {
  return Number(amount.slice(0, -2)) * (amount.endsWith('Gi') ? 1024 : 1);
}

/** Amounts as a hosted server states them. */
export const hostedAmounts = { cpu, bytes } as const;
