import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Suite, type SuiteOptions, startSuite } from '@sallyport/cli/dev/suite';
import { stringify } from 'yaml';
import { layDatabase } from './database.ts';

/** A resource as in YAML: `kind`, `name`, and `spec`, or for a Secret `stringData`. */
export interface ResourceInit {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly spec?: object;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** A suite for one test file, with a folder of resources that tests may change. */
export interface TestSuite extends Suite {
  /** Writes resources into a file of the folder; the operator takes them in. */
  apply(file: string, resources: readonly ResourceInit[]): void;
  /** Removes a file of the folder. */
  remove(file: string): void;
  /** Stops everything and removes all that was written. */
  end(): Promise<void>;
}

/** Starts the suite as real processes with a real Postgres, in a folder of its own. */
export async function suiteWith(
  resources: readonly ResourceInit[],
  options: Omit<SuiteOptions, 'data' | 'resources'> = {},
): Promise<TestSuite> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  const source = mkdtempSync(join(tmpdir(), 'sallyport-resources-'));
  const apply = (file: string, list: readonly ResourceInit[]) => {
    writeFileSync(join(source, `${file}.yaml`), list.map(document).join('---\n'));
  };
  apply('all', resources);
  const clear = () => {
    for (const one of [folder, source]) rmSync(one, { recursive: true, force: true });
  };
  const starting = layDatabase(join(folder, 'postgres')).then(() =>
    startSuite({ ...options, data: folder, resources: source }),
  );
  const suite = await starting.catch((error: unknown) => {
    clear();
    throw error;
  });
  return Object.assign(Object.create(suite) as Suite, {
    apply,
    remove: (file: string) => rmSync(join(source, `${file}.yaml`)),
    async end() {
      await suite.stop();
      clear();
    },
  });
}

function document({ kind, name, namespace = 'default', spec, stringData }: ResourceInit): string {
  const metadata = { name, namespace };
  return stringify(
    kind === 'Secret'
      ? { apiVersion: 'v1', kind, metadata, stringData }
      : { apiVersion: 'sallyport.dev/v1alpha1', kind, metadata, spec },
  );
}

/**
 * Resources that let key `demo` use everything of a fake OpenAI and Anthropic provider, and a Gemini one if asked for; models
 * by their upstream names, with `-a` and `-g` for the latter two.
 */
export function openHouse(
  provider: { openAiUrl: string; anthropicUrl: string; geminiUrl: string },
  models: readonly string[],
  { gemini = false, responses = false, firstByteSeconds = 1 } = {},
): ResourceInit[] {
  const target = (name: string, model: string) => ({
    targets: [{ provider: name, model }],
    price: PRICE,
    retry: { attempts: 0 },
  });
  // An SDK adds the version by itself; a base URL of ours stands before the paths.
  const urls = {
    openai: provider.openAiUrl,
    anthropic: `${provider.anthropicUrl}/v1`,
    ...(gemini ? { gemini: provider.geminiUrl } : {}),
    ...(responses ? { 'openai-responses': provider.openAiUrl } : {}),
  };
  return [
    { kind: 'Secret', name: 'provider', stringData: { key: PROVIDER_KEY } },
    ...Object.entries(urls).map(([type, baseURL]) => ({
      kind: 'ModelProvider',
      name: `fake-${type}`,
      spec: {
        type: `${type}-compatible`,
        baseURL,
        allowPrivateNetwork: true,
        credentials: { secretRef: { name: 'provider', key: 'key' } },
        timeouts: { connectSeconds: 1, firstByteSeconds, idleSeconds: 1, totalSeconds: 10 },
      },
    })),
    ...models.flatMap((model) => [
      { kind: 'Model', name: model, spec: target('fake-openai', model) },
      { kind: 'Model', name: `${model}-a`, spec: target('fake-anthropic', model) },
      ...(gemini ? [{ kind: 'Model', name: `${model}-g`, spec: target('fake-gemini', model) }] : []),
      ...(responses ? [{ kind: 'Model', name: `${model}-r`, spec: target('fake-openai-responses', model) }] : []),
    ]),
    { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] } },
    { kind: 'VirtualKey', name: 'demo', spec: { owner: 'dana', targetSecret: { name: 'demo-key', key: 'key' } } },
    {
      kind: 'VirtualKey',
      name: 'admin',
      spec: { owner: 'ada', role: 'Admin', targetSecret: { name: 'admin-key', key: 'key' } },
    },
  ];
}

/** What the fake provider is to be called with. */
export const PROVIDER_KEY = 'provider-secret-canary-0123456789';
/** A dollar for a million input tokens, two for output. */
export const PRICE = { inputPerMillionTokens: '1', outputPerMillionTokens: '2' };

/** Calls the admin API; the parsed body. Throws on a status of 400 and above. */
export async function admin<T>(suite: Suite, path: string, key = suite.adminKey): Promise<T> {
  const answer = await fetch(`${suite.endpoint}/admin/v1/${path}`, { headers: { authorization: `Bearer ${key}` } });
  const body = (await answer.json()) as T;
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
  return body;
}

/** Asks again until the answer satisfies, at most five seconds. */
export async function eventually<T>(ask: () => Promise<T>, satisfies: (answer: T) => boolean, ms = 5_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${ms} ms; last: ${JSON.stringify(answer)?.slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
