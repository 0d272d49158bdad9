import { hostname } from 'node:os';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { isKind, type Kind, kindNames } from '@sallyport/custom-resources';
import type { PodService } from '@sallyport/proto/hosting/v1/hosting_pb';
import type { AccessReviewService } from '@sallyport/proto/resources/v1/access_review_pb';
import type { ResourceService } from '@sallyport/proto/resources/v1/resources_pb';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { environmentOf } from './controllers/hosted.ts';
import { byAge, canonicalJson, type Entry } from './entry.ts';
import type { Hosting } from './hosting/hosting.ts';
import type { MayAdminister } from './kube/access-review.ts';
import { type Observations, observable, readObservation } from './observations.ts';
import { snapshotKinds } from './snapshot/compile.ts';
import type { Publisher } from './snapshot/publish.ts';
import type { Source, View } from './source/source.ts';

const watchers = ['model-proxy', 'mcp-broker', 'policy', 'identity', 'mcp-host', 'egress-proxy'];

/** Who may call what. */
export const CALLERS: Record<string, string[]> = {
  'sallyport.snapshot.v1.SnapshotService/Watch': watchers,
  'sallyport.snapshot.v1.SnapshotService/Report': watchers,
  'sallyport.resources.v1.ResourceService/List': ['console'],
  'sallyport.resources.v1.AccessReviewService/Review': ['identity'],
  'sallyport.hosting.v1.PodService/StartPod': ['mcp-host'],
};

// Who speaks of which kind: a broker that was taken over cannot say anything of providers.
const reporters: Readonly<Record<string, readonly Kind[]>> = {
  'model-proxy': ['ModelProvider'],
  'mcp-broker': ['ToolServer', 'Toolset'],
  'mcp-host': ['ToolServer'],
  'egress-proxy': ['ToolServer'],
  policy: ['ToolPolicy'],
  identity: ['IdentityProvider', 'Team'],
};

// And these of no more than that: what hosted servers can reach must not be able to say that a credential is fine.
const spoken: Readonly<Record<string, { conditions: readonly string[]; fields: readonly string[] }>> = {
  'mcp-host': { conditions: ['Deployed'], fields: [] },
  'egress-proxy': { conditions: [], fields: ['egress'] },
};

/** What SnapshotService works with. */
export type SnapshotOptions = {
  readonly publisher: Publisher;
  readonly view: View;
  readonly observations: Observations;
  /** Whether this replica writes status. */
  readonly leads: () => boolean;
  /** Called for each resource of which something new was observed. */
  readonly onObserved: (entry: Entry) => void;
  readonly log: Logger;
};

/** SnapshotService: what is in force goes out, what services see comes in. */
export function snapshotService(options: SnapshotOptions): ServiceImpl<typeof SnapshotService> {
  const { publisher, view, observations, leads, onObserved, log } = options;
  return {
    async *watch({ kinds }, { signal }) {
      const unknown = kinds.find((kind) => !snapshotKinds.includes(kind as Kind));
      if (unknown !== undefined || kinds.length === 0) {
        throw new GatewayError('invalid_request', `Kinds to watch are of ${snapshotKinds.join(', ')}.`);
      }
      yield* publisher.watch([...new Set(kinds)] as Kind[], signal) as AsyncIterable<never>;
    },
    async report({ reporter, observations: reported }, { caller }) {
      if (!leads()) {
        throw new GatewayError('unavailable', `Replica ${hostname()} does not lead; try again.`, { retryAfterMs: 200 });
      }
      for (const observation of reported) {
        const { kind, tenant, name, uid, generation } = observation;
        const refuse = (why: string) =>
          log.warn('an observation was left out', { why, caller, reporter, kind, tenant, name });
        if (!isKind(kind) || observable[kind] === undefined || !reporters[caller]?.includes(kind)) {
          refuse('not a kind that this service may speak of');
          continue;
        }
        const entry = view.get(kind, tenant, name);
        // Of a resource that is gone, or of a later revision than this replica has seen: it will be said again.
        if (entry === undefined || entry.uid !== uid || generation > entry.generation) continue;
        const { observed, refused } = readObservation(kind, observation, spoken[caller]);
        if (refused.length > 0) refuse(refused.join(', '));
        observations.add(uid, observed);
        onObserved(entry);
      }
      return {};
    },
  };
}

/** ResourceService over a source. */
export function resourceService(view: View): ServiceImpl<typeof ResourceService> {
  return {
    async list({ tenant, kind }) {
      if (tenant === '') throw new GatewayError('invalid_request', 'The tenant is missing.');
      if (kind !== '' && !isKind(kind)) {
        throw new GatewayError('invalid_request', `There is no kind ${kind}.`, { details: { kinds: kindNames } });
      }
      const wanted = kind === '' ? kindNames : [kind as Kind];
      const entries = wanted.flatMap((one): Entry[] => view.list(one, tenant).sort(byAge));
      return {
        resources: entries.map((entry) => ({
          kind: entry.kind,
          tenant: entry.tenant,
          name: entry.name,
          uid: entry.uid,
          generation: entry.generation,
          specJson: canonicalJson(entry.written ?? {}),
          statusJson: canonicalJson(entry.status),
        })),
      };
    },
  };
}

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** AccessReviewService over the cluster, or over what stands for none. */
export function accessReviewService(mayAdminister: MayAdminister): ServiceImpl<typeof AccessReviewService> {
  return {
    async review({ tenant, user, groups }) {
      if (!NAMESPACE.test(tenant)) throw new GatewayError('invalid_request', 'The tenant is missing.');
      if (user === '') throw new GatewayError('invalid_request', 'The user is missing.');
      try {
        return { allowed: await mayAdminister(tenant, { user, groups }) };
      } catch (error) {
        throw new GatewayError('unavailable', 'The API server does not say.', { cause: error, retryAfterMs: 1_000 });
      }
    },
  };
}

const PRINCIPAL = /^[0-9a-f]{16}$/;
const SECRET_KEY = /^[A-Za-z0-9._-]{1,253}$/;

/** PodService: pods of single principals, of servers whose resource says that there is one for each. */
export function podService(source: Pick<Source, 'list' | 'secret'>, hosting: Hosting): ServiceImpl<typeof PodService> {
  return {
    async startPod({ tenant, uid, principal, secretKey }) {
      if (!NAMESPACE.test(tenant)) throw new GatewayError('invalid_request', 'The tenant is missing.');
      if (!PRINCIPAL.test(principal) || !SECRET_KEY.test(secretKey)) {
        throw new GatewayError('invalid_request', 'The principal is missing.');
      }
      const entry = source.list('ToolServer', tenant).find((one) => one.uid === uid);
      const hosted = entry?.parsed.ok ? entry.parsed.value.spec.hosted : undefined;
      if (entry === undefined || hosted?.isolation !== 'PerPrincipal') {
        throw new GatewayError('not_found', 'There is no hosted server with a process for each principal of that UID.');
      }
      const environment = await environmentOf(entry, hosted, { hosting, source }, secretKey);
      if ('refused' in environment) {
        const { reason, message } = environment.refused;
        const code = reason === 'SecretNotFound' ? 'upstream_credentials' : 'unavailable';
        throw new GatewayError(code, `The tool server is not started: ${message}.`);
      }
      return { pod: await hosting.startPod(entry, hosted, environment.secrets, { principal, secretKey }) };
    },
  };
}
