import { afterEach, describe, expect, it } from '@jest/globals';
import { endSuites, eventually, head, model, secret, suite } from '../testing/folder-suite.ts';

afterEach(endSuites);

const second = secret.replace('name: openai', 'name: second').replace('sk-secret-value', 'sk-another-value');
const provider = (url: string, further: string) =>
  `${head('ModelProvider', 'openai')}spec: {type: openai-compatible, baseURL: "${url}", credentials: {secretRef: {name: openai, key: key}${further}}}\n`;
const FURTHER = ', furtherSecretRefs: [{name: second, key: key}]';

describe('what routing refers to', () => {
  it('[routing:keys] further keys are granted where the first is, and voided with it', async () => {
    const { peers, write, reason } = await suite({
      'secret.yaml': secret,
      'second.yaml': second,
      'p.yaml': provider('https://a.example', FURTHER),
    });
    const granted = () => [...peers.grants.values()].join();
    await eventually(granted, 'https://a.example:443,https://a.example:443');
    expect(peers.secrets.get('default/second/key')).toBe('sk-another-value');
    await write('p.yaml', provider('https://evil.example', FURTHER));
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'False OriginChanged');
    await eventually(() => peers.grants.size, 0);
    await write('p.yaml', provider('https://a.example', FURTHER));
    await eventually(granted, 'https://a.example:443,https://a.example:443');
    await write('p.yaml', provider('https://a.example', ''));
    await eventually(granted, 'https://a.example:443');
    await write('p.yaml', provider('https://a.example', FURTHER.replace('second', 'missing')));
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'False SecretNotFound');
  });

  it('[routing:declared] a Model names what is missing beside its targets, and is ready all the same', async () => {
    const routed = model('m').replace('}]}', '}], fallbacks: {errors: [spare]}}');
    const { write, reason, source } = await suite({
      'secret.yaml': secret,
      'p.yaml': provider('https://a.example', ''),
      'm.yaml': routed,
    });
    await eventually(() => reason('Model', 'm', 'ResolvedRefs'), 'False NotFound');
    expect(reason('Model', 'm', 'Ready')).toBe('True Ready');
    expect(source.get('Model', 'default', 'm')?.status).toMatchObject({ liveTargets: 1 });
    await write('spare.yaml', model('spare'));
    await write('m.yaml', `${routed}# looked at again\n`);
    await eventually(() => reason('Model', 'm', 'ResolvedRefs'), 'True Resolved');
  });

  it('[vault:workload-named] a provider at a cloud is granted the identity that it names, without a Secret', async () => {
    const bedrock = (credentials: string) =>
      `${head('ModelProvider', 'bedrock')}spec: {type: bedrock, aws: {region: eu-central-1}, credentials: {${credentials}}}\n`;
    const { peers, reason } = await suite({ 'p.yaml': bedrock('workloadIdentity: models') });
    await eventually(() => reason('ModelProvider', 'bedrock', 'CredentialsValid'), 'True Granted');
    expect([...peers.auths.values()]).toEqual(['{"type":"WorkloadIdentity","identity":"models"}']);
    expect([...peers.grants.values()].join()).toContain('bedrock-runtime.eu-central-1.amazonaws.com');
    expect(peers.secrets.size).toBe(0);
  });
});
