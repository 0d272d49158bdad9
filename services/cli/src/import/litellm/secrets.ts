import type { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import { type Names, slugOf } from '../names.ts';
import type { Settings } from '../settings.ts';
import { type Environment, placeholderOf, type Said } from './environment.ts';
import type { KnownProvider } from './known-providers.ts';

/** Key of every value in its Secret. */
const KEY = 'key';

/** A credential that stands in a Secret. */
export interface Credential {
  readonly secretRef: { readonly name: string; readonly key: string };
}

/** The Secrets of an import: one for each value, however many deployments have it. */
export class Secrets {
  readonly #byValue = new Map<string, Manifest>();
  readonly #environment: Environment;
  readonly #names: Names;
  readonly #findings: Findings;

  constructor(environment: Environment, names: Names, findings: Findings) {
    this.#environment = environment;
    this.#names = names;
    this.#findings = findings;
  }

  get manifests(): readonly Manifest[] {
    return [...this.#byValue.values()];
  }

  /** The credential of a deployment; undefined where it has none and its provider needs none. */
  of(params: Settings, prefix: string, known: KnownProvider): Credential | undefined {
    if (known.type === 'bedrock') return this.#ofAws(params);
    if (known.type === 'vertex') return this.#ofGoogle(params);
    const entra = known.type === 'azure-openai' || known.type === 'azure-foundry' ? this.#ofEntra(params) : undefined;
    const text = params.text('api_key');
    if (entra !== undefined) return entra;
    if (text !== undefined) return this.#kept(params.at('api_key'), this.#environment.read(text), prefix);
    return known.keyFrom === undefined ? undefined : this.#assumed(params, known.keyFrom, prefix);
  }

  /** What LiteLLM takes from the environment of its own accord. */
  #assumed(params: Settings, variable: string, prefix: string): Credential {
    const said = this.#environment.variable(variable);
    return this.#kept(params.path, said, prefix, 'no api_key: ');
  }

  #ofAws(params: Settings): Credential {
    const names = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'];
    const [id, secret, token] = names.map((name) => params.text(name));
    const said = (text: string | undefined, variable: string) =>
      text === undefined ? this.#environment.variable(variable) : this.#environment.read(text);
    return this.#json(params.at('aws_access_key_id'), 'aws', {
      AccessKeyId: said(id, 'AWS_ACCESS_KEY_ID'),
      SecretAccessKey: said(secret, 'AWS_SECRET_ACCESS_KEY'),
      ...(token === undefined ? {} : { SessionToken: this.#environment.read(token) }),
    });
  }

  #ofGoogle(params: Settings): Credential {
    const given = params.take('vertex_credentials');
    const path = params.at('vertex_credentials');
    if (typeof given === 'object') return this.#kept(path, { literal: JSON.stringify(given) }, 'vertex');
    const said =
      typeof given === 'string'
        ? this.#environment.read(given)
        : this.#environment.variable('GOOGLE_APPLICATION_CREDENTIALS');
    // What is no JSON names a file, of which the content is wanted.
    const isFile = 'literal' in said && !said.literal.trimStart().startsWith('{');
    return this.#kept(path, isFile ? { variable: `THE-FILE-${said.literal}` } : said, 'vertex');
  }

  #ofEntra(params: Settings): Credential | undefined {
    const [tenantId, clientId, clientSecret] = ['tenant_id', 'client_id', 'client_secret'].map((name) =>
      params.text(name),
    );
    if (tenantId === undefined || clientId === undefined || clientSecret === undefined) return undefined;
    return this.#json(params.at('client_secret'), 'azure-application', {
      tenantId: this.#environment.read(tenantId),
      clientId: this.#environment.read(clientId),
      clientSecret: this.#environment.read(clientSecret),
    });
  }

  #json(path: string, stem: string, parts: Readonly<Record<string, Said>>): Credential {
    const values = Object.entries(parts).map(([name, said]) => [name, textFor(said)]);
    const missing = Object.values(parts).flatMap((said) => ('variable' in said ? [said.variable] : []));
    const value = JSON.stringify(Object.fromEntries(values));
    return this.#put(path, value, `${stem}-credential`, missing, '');
  }

  #kept(path: string, said: Said, stem: string, note = ''): Credential {
    if ('literal' in said) return this.#put(path, said.literal, `${stem}-key`, [], note);
    return this.#put(path, textFor(said), slugOf(said.variable), [said.variable], note);
  }

  #put(path: string, value: string, wanted: string, missing: readonly string[], note: string): Credential {
    let secret = this.#byValue.get(value);
    if (secret === undefined) {
      secret = { kind: 'Secret', name: this.#names.give(wanted), stringData: { [KEY]: value } };
      this.#byValue.set(value, secret);
    }
    const where = `Secret ${secret.name}`;
    if (missing.length > 0) this.#findings.add('fill-in', path, `${note}${where} wants ${missing.join(' and ')}`);
    else this.#findings.add('secret', path, `${note}the value was written into ${where}`);
    return { secretRef: { name: secret.name, key: KEY } };
  }
}

function textFor(said: Said): string {
  return 'literal' in said ? said.literal : placeholderOf(said.variable);
}
