import { z } from 'zod';
import { type Rule, withRules } from './define-resource.ts';
import { decimalUsd, listOf, resourceName, setOf } from './fields.ts';

const tag = z.string().min(1).max(64).regex(/^\S+$/);
const region = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and "-", for example eu or us-east-1');
const modelNames = (what: string) => setOf(resourceName, 4).optional().describe(`Models of this namespace ${what}`);
const percent = (max: number) => z.int().min(1).max(max);

/** How one of several targets is chosen. */
export const strategyName = z.enum([
  'Priority',
  'Weighted',
  'LeastBusy',
  'LowestLatency',
  'LowestCost',
  'Sticky',
  'Auto',
]);

/** How one of several targets is chosen. */
export type StrategyName = z.output<typeof strategyName>;

const capacity = z.object({
  maxConcurrent: z.int().min(1).max(100_000).describe('Most calls under way at once, for each replica.'),
  adaptive: z
    .boolean()
    .default(true)
    .describe('After a 429 fewer calls are let through at once, and slowly more again, up to maxConcurrent.'),
  queue: z
    .object({
      size: z.int().min(0).max(10_000).default(100).describe('Most requests that wait; more are refused with 429.'),
      waitSeconds: z.int().min(1).max(300).default(10).describe('Longest wait; then the request is refused with 429.'),
    })
    .prefault({})
    .describe('Requests that wait for a place. Principals take turns, however many requests one of them has.'),
});

/** Fields of a target that say when it is chosen. */
export const routingTargetFields = {
  weight: z
    .int()
    .min(0)
    .max(10_000)
    .default(1)
    .describe(
      'Share of requests among targets of one priority, with strategy Weighted or Sticky. 0: as fallback only.',
    ),
  forTags: setOf(tag, 16)
    .optional()
    .describe('Only requests with one of these tags, of their key or asserted, go here. Left out: all requests.'),
  tier: z
    .enum(['Small', 'Medium', 'Large'])
    .optional()
    .describe('How able the model is, for strategy Auto. Left out: Medium.'),
  variant: z
    .string()
    .max(63)
    .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
    .optional()
    .describe('Arm of an experiment: stands in records as variant, where the request names none.'),
  zeroDataRetention: z
    .boolean()
    .optional()
    .describe('Whether the provider keeps nothing of what it is sent. Left out: unknown, taken for no.'),
  capacity: capacity.optional().describe('How many calls the target takes at once. Left out: unbounded.'),
};

const requestClass = z.object({
  name: z.enum(['Realtime', 'Batch', 'Quality']).describe('The class, as header sallyport-class names it.'),
  strategy: strategyName.describe('How a target is chosen for requests of this class.'),
  endpoints: setOf(z.string().min(1).max(64).regex(/^\S+$/), 8)
    .optional()
    .describe('Endpoints, for example messages, whose requests are of this class when they name none.'),
});

const residency = z.object({
  regions: setOf(region, 16)
    .min(1)
    .describe('Only targets in these regions are called, by fallback and shadow too; eu stands for eu-west-1 as well.'),
  forTags: setOf(tag, 16).optional().describe('Holds for requests with one of these tags. Left out: for all.'),
});

const weightBounds = z.object({
  minPercent: percent(100).default(50).describe('Least that a weight becomes, in percent of what is written.'),
  maxPercent: z.int().min(100).max(1_000).default(200).describe('Most that a weight becomes, in percent.'),
  follow: setOf(z.enum(['Cost', 'Errors', 'Latency']), 3)
    .min(1)
    .default(['Errors', 'Latency'])
    .describe('What weights follow: the cheaper, the less failing, the faster gets more.'),
});

const routing = z.object({
  strategy: strategyName
    .default('Priority')
    .describe('How one of the targets of the lowest priority that can serve is chosen; the others are fallbacks.'),
  stickyBy: z
    .enum(['Trajectory', 'User', 'Key'])
    .default('Trajectory')
    .describe('What keeps its target with strategy Sticky, so that the prompt cache of the provider is of use.'),
  classes: listOf(requestClass, 3, 'name')
    .optional()
    .describe('Other strategies by class. Undeclared, Realtime is LowestLatency, Batch LowestCost, Quality Priority.'),
  residency: z
    .array(residency)
    .min(1)
    .max(8)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .optional()
    .describe('Where requests may be served; all rules that hold for a request must allow a target.'),
  weightBounds: weightBounds
    .optional()
    .describe('Lets weights follow what is measured, within bounds. Left out: weights are as written.'),
  auto: z
    .object({
      mediumFrom: z
        .int()
        .min(0)
        .max(100)
        .default(25)
        .describe('Score (0 to 100) from which Medium targets are wanted.'),
      largeFrom: z.int().min(0).max(100).default(55).describe('Score (0 to 100) from which Large targets are wanted.'),
    })
    .prefault({})
    .describe('How strategy Auto reads the score of a request: by its size, tools, attachments and wording.'),
});

const breaker = z.object({
  failurePercent: percent(100).default(50).describe('Share of failed calls in the window at which it opens.'),
  minimumCalls: z.int().min(1).max(10_000).default(10).describe('Fewer calls in the window never open it.'),
  windowSeconds: z.int().min(1).max(600).default(10).describe('Length of the window.'),
  openSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(5)
    .describe(
      'How long it stays open before a call probes the target; doubles with each probe that fails, up to 12 times.',
    ),
  probes: z.int().min(1).max(10).default(1).describe('Probes at once, and how many must succeed in a row to close it.'),
});

const fallbacks = z.object({
  errors: modelNames('that are tried, in order, when no target is left after an error or a rate limit.'),
  contextWindow: modelNames('that are tried when the request is too long for the target.'),
  contentPolicy: modelNames("that are tried when the provider's content policy refuses the request."),
  budget: modelNames('that are tried when a budget of the caller cannot pay for the target.'),
});

const degrade = withRules(
  z.object({
    causes: setOf(z.enum(['Budget', 'Capacity']), 2)
      .min(1)
      .describe('When: a budget of the caller cannot pay; every target is full, resting or shut.'),
    models: modelNames('that serve then, in order, smaller ones as a rule.'),
    maxOutputTokens: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe('Most output tokens of an answer that is given then; without models, of the targets of this Model.'),
  }),
  [
    {
      cel: 'has(self.models) || has(self.maxOutputTokens)',
      message: 'models or maxOutputTokens must say what is degraded',
      holds: (d) => d.models !== undefined || d.maxOutputTokens !== undefined,
    },
  ],
);

const shadow = z.object({
  provider: resourceName.describe('ModelProvider in this namespace.'),
  model: z.string().min(1).max(256).regex(/^\S+$/).describe('Name of the model at the provider.'),
  region: region.optional().describe('Where it works; residency holds for copies too.'),
  percent: percent(100).describe('Share of requests of which a copy is sent. Its answer is recorded and thrown away.'),
  usdPerHour: decimalUsd.describe('Most that copies may cost in an hour, for each replica. No Limit counts them.'),
  maxConcurrent: z.int().min(1).max(100).default(4).describe('Most copies under way at once; more are not sent.'),
});

const retry = z.object({
  attempts: z.int().min(0).max(5).default(1).describe('Further attempts at the same target.'),
  causes: setOf(z.enum(['RateLimit', 'Overloaded', 'Timeout', 'ServerError', 'Malformed', 'Connection']), 6)
    .default(['RateLimit', 'Overloaded', 'Timeout', 'ServerError', 'Malformed', 'Connection'])
    .describe('Failures after which a target is tried once more.'),
  budgetPercent: percent(100)
    .default(20)
    .describe('Most retries of a target in percent of its calls, beyond a first few.'),
  failedWithinSeconds: z
    .int()
    .min(1)
    .max(600)
    .optional()
    .describe('Only what failed within this time is tried again. Left out: however long it took.'),
  longestWaitSeconds: z
    .int()
    .min(1)
    .max(60)
    .default(2)
    .describe('A provider that asks for a longer wait is not tried again.'),
});

/** Fields of a Model that say how its requests are routed. */
export const routingFields = {
  retry: retry.prefault({}).describe('Attempts at a target before the next one is tried.'),
  unsupported: z
    .enum(['Refuse', 'Drop'])
    .default('Refuse')
    .describe(
      'What a target cannot be told: the request is refused, or it is left out and named in sallyport-dropped.',
    ),
  routing: routing.optional().describe('How a target is chosen. Left out: by priority, then as written.'),
  breaker: breaker
    .optional()
    .describe(
      'When a failing target is left alone. Left out: these defaults where there is another target, else never.',
    ),
  fallbacks: fallbacks
    .optional()
    .describe('Models that are tried when no target of this one is left. Callers need access to them as well.'),
  degrade: degrade.optional().describe('What is given instead of a refusal when budget or capacity is short.'),
  shadow: z
    .array(shadow)
    .max(2)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .optional()
    .describe('Targets that get copies of requests, without tools. What they answer never reaches a client.'),
};

type Routed = {
  readonly targets: readonly { readonly weight: number; readonly tier?: string | undefined }[];
  readonly routing?:
    | { readonly strategy: string; readonly auto?: { mediumFrom: number; largeFrom: number } }
    | undefined;
};

/** Rules over the routing fields of a Model. */
export const routingRules: readonly Rule<Routed>[] = [
  {
    cel: "!has(self.routing) || !(self.routing.strategy in ['Weighted', 'Sticky']) || self.targets.exists(t, t.weight > 0)",
    message: 'at least one target must have a weight above 0',
    fieldPath: '.targets',
    holds: ({ routing: r, targets }) =>
      r === undefined || !['Weighted', 'Sticky'].includes(r.strategy) || targets.some(({ weight }) => weight > 0),
  },
  {
    cel: "!has(self.routing) || self.routing.strategy != 'Auto' || self.targets.exists(t, has(t.tier))",
    message: 'strategy Auto needs the tier of at least one target',
    fieldPath: '.targets',
    holds: ({ routing: r, targets }) => r?.strategy !== 'Auto' || targets.some(({ tier }) => tier !== undefined),
  },
  {
    cel: '!has(self.routing) || !has(self.routing.auto) || self.routing.auto.largeFrom >= self.routing.auto.mediumFrom',
    message: 'largeFrom must not be less than mediumFrom',
    fieldPath: '.routing.auto.largeFrom',
    holds: ({ routing: r }) => r?.auto === undefined || r.auto.largeFrom >= r.auto.mediumFrom,
  },
];

/** Models and providers that a Model names beside its targets, each with its place. */
export function routingReferences(spec: {
  readonly fallbacks?: Readonly<Record<string, readonly string[] | undefined>> | undefined;
  readonly degrade?: { readonly models?: readonly string[] | undefined } | undefined;
  readonly shadow?: readonly { readonly provider: string }[] | undefined;
}): { readonly kind: 'Model' | 'ModelProvider'; readonly path: string; readonly name: string }[] {
  const models = (path: string, names: readonly string[] | undefined) =>
    (names ?? []).map((name, index) => ({ kind: 'Model' as const, path: `${path}[${index}]`, name }));
  return [
    ...Object.entries(spec.fallbacks ?? {}).flatMap(([cause, names]) => models(`spec.fallbacks.${cause}`, names)),
    ...models('spec.degrade.models', spec.degrade?.models),
    ...(spec.shadow ?? []).map(({ provider }, index) => ({
      kind: 'ModelProvider' as const,
      path: `spec.shadow[${index}].provider`,
      name: provider,
    })),
  ];
}
