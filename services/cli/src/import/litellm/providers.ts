import { type ProviderType, vendorBaseUrls } from '@sallyport/custom-resources/provider-types';
import type { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import type { Names } from '../names.ts';
import type { Settings } from '../settings.ts';
import { type Environment, placeholderUrl } from './environment.ts';
import { type KnownProvider, knownProviders } from './known-providers.ts';
import type { Credential, Secrets } from './secrets.ts';
import { Waits } from './waits.ts';

interface Made {
  readonly name: string;
  readonly type: ProviderType;
  readonly place: Readonly<Record<string, unknown>>;
  readonly credential: Credential | undefined;
  readonly waits: Waits;
  readonly include: Set<string>;
}

const API_VERSION = /^\d{4}-\d\d-\d\d(-preview)?$/;

/** The ModelProviders of an import, one for each type, place and credential. */
export class Providers {
  readonly #byIdentity = new Map<string, Made>();
  readonly #names: Names;
  readonly #secrets: Secrets;
  readonly #environment: Environment;
  readonly #findings: Findings;
  /** Seconds that LiteLLM waits where a deployment does not say. */
  readonly #wait: number;

  constructor(names: Names, secrets: Secrets, environment: Environment, findings: Findings, wait: number | undefined) {
    this.#names = names;
    this.#secrets = secrets;
    this.#environment = environment;
    this.#findings = findings;
    this.#wait = wait ?? 600;
  }

  /** Name of the ModelProvider of a deployment; undefined where there is none for it, which is reported. */
  of(params: Settings, prefix: string): string | undefined {
    const known = this.#known(params, prefix);
    if (known === undefined) return undefined;
    const place = this.#place(params, known);
    if (place === undefined) return undefined;
    const credential = this.#secrets.of(params, prefix, known);
    const { type, ...where } = place;
    const identity = JSON.stringify([type, where, credential?.secretRef.name ?? '']);
    let made = this.#byIdentity.get(identity);
    if (made === undefined) {
      const name = this.#names.give(prefix);
      made = { name, type, place: where, credential, waits: new Waits(this.#wait), include: new Set() };
      this.#byIdentity.set(identity, made);
    }
    made.waits.take(params, made.name, this.#environment, this.#findings);
    return made.name;
  }

  /** Lets models of a provider be called without a Model. */
  discover(name: string, pattern: string): void {
    for (const made of this.#byIdentity.values()) if (made.name === name) made.include.add(pattern);
  }

  get manifests(): readonly Manifest[] {
    return [...this.#byIdentity.values()].map(({ name, type, place, credential, waits, include }) => ({
      kind: 'ModelProvider',
      name,
      spec: {
        type,
        ...place,
        ...(credential === undefined ? {} : { credentials: credential }),
        ...(include.size === 0 ? {} : { discovery: { include: [...include] } }),
        timeouts: waits.timeouts,
      },
    }));
  }

  #known(params: Settings, prefix: string): KnownProvider | undefined {
    if (Object.hasOwn(knownProviders, prefix)) return knownProviders[prefix];
    if (params.has('api_base') || params.has('base_url')) {
      this.#findings.add(
        'changed',
        params.at('model'),
        `${prefix} is taken for an API that is compatible with OpenAI's`,
      );
      return { type: 'openai-compatible' };
    }
    this.#findings.add('not-carried', params.at('model'), `no ModelProvider speaks to ${prefix}`);
    return undefined;
  }

  #place(params: Settings, known: KnownProvider): { type: ProviderType; [field: string]: unknown } | undefined {
    if (known.type === 'bedrock') {
      const region = this.#environment.plain(params, 'aws_region_name') ?? 'us-east-1';
      if (!params.has('aws_region_name'))
        this.#findings.add('fill-in', params.at('aws_region_name'), 'no region is said: us-east-1 was put in');
      return { type: 'bedrock', aws: { region } };
    }
    if (known.type === 'vertex') {
      const project = this.#environment.plain(params, 'vertex_project') ?? 'replace-with-project';
      if (project === 'replace-with-project')
        this.#findings.add('fill-in', params.at('vertex_project'), 'put the id of the project into google.project');
      const location = this.#environment.plain(params, 'vertex_location') ?? 'us-central1';
      return { type: 'vertex', google: { project, location } };
    }
    const url = this.#url(params, known);
    const type = url !== undefined && known.elsewhere !== undefined ? known.elsewhere : known.type;
    const version = type === 'azure-openai' ? this.#environment.plain(params, 'api_version') : undefined;
    const usable = version === undefined || API_VERSION.test(version);
    if (!usable)
      this.#findings.add('not-carried', params.at('api_version'), 'is no date: the default of ModelProvider holds');
    return {
      type,
      ...(url === undefined ? {} : { baseURL: url }),
      ...(version !== undefined && usable ? { azure: { apiVersion: version } } : {}),
      ...(url !== undefined && isPrivate(url) ? { allowPrivateNetwork: true } : {}),
    };
  }

  /** The base URL, where it is not the vendor's own. */
  #url(params: Settings, known: KnownProvider): string | undefined {
    const name = params.has('api_base') ? 'api_base' : 'base_url';
    let url = this.#environment.plain(params, name, placeholderUrl);
    if (url === undefined && known.urlFrom !== undefined) {
      const said = this.#environment.variable(known.urlFrom);
      if ('literal' in said) url = said.literal;
      else if (vendorBaseUrls[known.type] === undefined && known.baseURL === undefined) {
        url = placeholderUrl(known.urlFrom);
        this.#findings.add('fill-in', params.at(name), `stands in ${known.urlFrom}: put it in place of ${url}`);
      }
    }
    url = (url ?? known.baseURL)?.replace(/\/+$/, '').replace(/\/(chat\/completions|v1\/messages)$/, '');
    if (url === undefined) return undefined;
    if (!URL.canParse(url) || !/^https?:\/\/[^?#@\s]+$/.test(url)) {
      this.#findings.add('not-carried', params.at(name), 'is no http or https URL without user, query or fragment');
      return undefined;
    }
    if (known.origin === true) url = new URL(url).origin;
    if (known.suffix !== undefined && !url.endsWith(known.suffix)) url = `${url}${known.suffix}`;
    return url === vendorBaseUrls[known.type] ? undefined : url;
  }
}

/** Whether a URL needs `allowPrivateNetwork`: it is not https, or its host is of this machine or cluster. */
function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return (
    protocol !== 'https:' ||
    !hostname.includes('.') ||
    /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\./.test(hostname) ||
    /\.(svc|local|internal|localhost)$/.test(hostname)
  );
}
