import { create } from '@bufbuild/protobuf';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { MOST_LISTED } from '@sallyport/custom-resources/model-provider-catalogue';
import { Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { Provider } from './catalog.ts';
import { listedNames, offered } from './catalogue/discovery.ts';
import { callHeaders } from './providers/define-provider.ts';
import { readFailure } from './providers/failure.ts';
import type { Gate } from './turn/gate.ts';
import { providerUse } from './upstream/provider-key.ts';

const EVERY_MS = 15_000;
const SOON_MS = 300;
const TIMEOUT_MS = 5_000;
const AT_ONCE = 4;
/** A provider that answered well is not asked again for so long; its list of models costs it nothing, but is not ours to hammer. */
const KEEP_MS = 60_000;
const MAX_LIST_BYTES = 8 * 1024 * 1024;

interface Seen {
  readonly generation: number;
  readonly until: number;
  readonly conditions: Condition[];
  /** Further fields of the status, as JSON; '' for none. */
  readonly statusJson: string;
}

interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * Asks each provider for its list of models, on a budget, and reports to the operator whether it is reachable and takes the
 * credential. Where a ModelProvider has its models discovered, those listed can be called; where they are routed is decided by
 * calls, never by probes.
 */
export function probeProviders(
  gate: Gate,
  operator: Pick<Client<typeof SnapshotService>, 'report'>,
  replica: string,
): Component {
  const seen = new Map<string, Seen>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const round = async () => {
    const providers = [...gate.catalog.providers()];
    const alive = new Set(providers.map((provider) => provider.uid));
    for (const uid of seen.keys()) if (!alive.has(uid)) seen.delete(uid);
    let next = 0;
    const work = async () => {
      while (next < providers.length && !stopping.signal.aborted) {
        const provider = providers[next++] as Provider;
        const held = seen.get(provider.uid);
        if (held && held.generation === provider.generation && held.until > Date.now()) continue;
        const { conditions, listed } = await probe(gate, provider, stopping.signal);
        const well = conditions.every((one) => one.status === 'True');
        if (listed !== undefined) gate.catalog.learn(provider, listed);
        const before = held?.statusJson ?? '';
        seen.set(provider.uid, {
          generation: provider.generation,
          until: Date.now() + (well ? KEEP_MS : 0),
          conditions,
          statusJson: statusOf(provider, listed, before),
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const observations = providers.flatMap((provider) => {
      const held = seen.get(provider.uid);
      if (!held) return [];
      const { tenant, name, uid } = provider;
      return [
        {
          kind: 'ModelProvider',
          tenant,
          name,
          uid,
          generation: held.generation,
          conditions: held.conditions,
          statusJson: held.statusJson,
        },
      ];
    });
    if (observations.length > 0)
      await operator.report({ reporter: `model-proxy/${replica}`, observations }, { timeoutMs: TIMEOUT_MS });
  };

  const soon = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = (running ?? Promise.resolve())
        .then(round)
        .catch((error: unknown) => gate.log.debug('A probe round failed', { error }))
        .finally(() => {
          if (!stopping.signal.aborted) soon(EVERY_MS);
        });
    }, ms);
    timer.unref();
  };

  const unlisten = gate.snapshot.onChange((kind) => {
    if (kind === 'ModelProvider' && !stopping.signal.aborted) soon(SOON_MS);
  });
  return {
    name: 'provider probes',
    start: () => soon(SOON_MS),
    async stop() {
      stopping.abort();
      unlisten();
      clearTimeout(timer);
      await running;
    },
  };
}

/** What a provider's list says of the models that may be called without a Model; as before where it was not had. */
function statusOf(provider: Provider, listed: readonly string[] | undefined, before: string): string {
  const { discovery } = provider.spec;
  // What was reported once has to be taken back.
  if (discovery === undefined && before === '') return '';
  if (discovery?.mode === 'Enabled' && listed === undefined) return before;
  const names = offered(provider, listed ?? []);
  return JSON.stringify({ models: names.slice(0, MOST_LISTED), modelCount: names.length });
}

interface Probed {
  readonly conditions: Condition[];
  /** The names that the provider listed, where they were asked for and could be read. */
  readonly listed?: readonly string[] | undefined;
}

async function probe(gate: Gate, provider: Provider, stop: AbortSignal): Promise<Probed> {
  const use = providerUse(provider);
  let key: string | undefined;
  if (use) {
    try {
      const principal = create(PrincipalSchema, {
        tenant: provider.tenant,
        kind: Principal_Kind.CLIENT,
        id: 'service:model-proxy',
        name: 'model-proxy',
      });
      key = (await gate.credentials.lease(use, principal)).value;
    } catch (error) {
      // Nobody's key for all: whether those of users are good only they find out.
      if (!isOfPrincipals(provider, error)) {
        return { conditions: [condition('CredentialsValid', 'False', 'NotLeased', asGatewayError(error).message)] };
      }
    }
  }
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]);
    const { models, allModels, check } = provider.declaration.paths;
    const answer = await gate.upstream.request(provider, {
      method: 'GET',
      path: (provider.spec.discovery?.mode === 'Enabled' ? allModels : undefined) ?? models ?? check ?? '/',
      headers: callHeaders(provider.declaration, provider.spec.headers),
      key,
      signal,
    });
    const listed = await listOf(provider, answer);
    const reachable = condition('Reachable', 'True', 'Answered', `The provider answered with status ${answer.status}.`);
    // Where there is nothing to ask for, a refusal says nothing of the credential.
    if (models === undefined && check === undefined) return { conditions: [reachable] };
    const refused = models === undefined ? isUnknown(provider, answer) : answer.status === 401 || answer.status === 403;
    if (key === undefined && provider.spec.credentials?.perPrincipal) {
      const bring = condition('CredentialsValid', 'True', 'PerPrincipal', 'Each principal brings a key.');
      return { conditions: [reachable, bring], listed };
    }
    const credential = refused
      ? condition(
          'CredentialsValid',
          'False',
          'Refused',
          `The provider refused the credential with status ${answer.status}.`,
        )
      : condition(
          'CredentialsValid',
          'True',
          use ? 'Accepted' : 'NotNeeded',
          use ? 'The provider took the credential.' : 'No credential is declared.',
        );
    return { conditions: [reachable, credential], listed };
  } catch (caught) {
    const error = asGatewayError(caught);
    if (error.code === 'upstream_credentials')
      return { conditions: [condition('CredentialsValid', 'False', 'Refused', error.message)] };
    return { conditions: [condition('Reachable', 'False', 'NoAnswer', error.message)] };
  }
}

/** True for an answer that refuses the credential itself, not what was asked for with it. */
function isUnknown({ declaration }: Provider, { status, headers }: OutboundResponse): boolean {
  const header = (name: string) => [headers[name]].flat()[0];
  return status >= 400 && readFailure(declaration, status, '{}', header, Date.now()).kind === 'auth';
}

/** Reads the list of models where the provider's are to be found by it; an unreadable one counts as none. */
async function listOf({ spec }: Provider, answer: OutboundResponse): Promise<readonly string[] | undefined> {
  if (spec.discovery?.mode !== 'Enabled' || answer.status !== 200) {
    await answer.discard();
    return undefined;
  }
  const text = await answer.text(MAX_LIST_BYTES);
  try {
    return listedNames(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isOfPrincipals(provider: Provider, error: unknown): boolean {
  const missing = error instanceof GatewayError && error.details?.missing === 'key';
  return missing && provider.spec.credentials?.perPrincipal !== undefined;
}

function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message };
}
