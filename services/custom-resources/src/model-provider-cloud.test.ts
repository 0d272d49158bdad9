import { describe, expect, it } from '@jest/globals';
import { type ModelProviderSpec, providerBaseUrl, providerUrls } from './model-provider.ts';
import { parseResource } from './parse.ts';

const specOf = (spec: object): ModelProviderSpec => {
  const parsed = parseResource({
    apiVersion: 'sallyport.dev/v1alpha1',
    kind: 'ModelProvider',
    metadata: { name: 'x' },
    spec,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value.spec as ModelProviderSpec;
};

describe('where a cloud is', () => {
  it.each<[object, string]>([
    [{ type: 'bedrock', aws: { region: 'eu-central-1' } }, 'https://bedrock-runtime.eu-central-1.amazonaws.com'],
    [{ type: 'bedrock', aws: { region: 'us-gov-west-1' } }, 'https://bedrock-runtime.us-gov-west-1.amazonaws.com'],
    [{ type: 'bedrock', aws: { region: 'cn-north-1' } }, 'https://bedrock-runtime.cn-north-1.amazonaws.com.cn'],
    [{ type: 'vertex', google: { project: 'p' } }, 'https://aiplatform.googleapis.com'],
    [{ type: 'vertex', google: { project: 'p', location: 'eu' } }, 'https://aiplatform.eu.rep.googleapis.com'],
    [
      { type: 'vertex', google: { project: 'p', location: 'europe-west4' } },
      'https://europe-west4-aiplatform.googleapis.com',
    ],
    [{ type: 'azure-openai', baseURL: 'https://acme.openai.azure.com/' }, 'https://acme.openai.azure.com'],
    [{ type: 'bedrock', baseURL: 'https://vpce.example', aws: { region: 'eu-central-1' } }, 'https://vpce.example'],
  ])('[clouds:regions] %j is called at %s', (spec, url) => {
    expect(providerBaseUrl(specOf(spec))).toBe(url);
  });

  it('[clouds:bound-to-both] is where its credential may go, and the declared endpoint for tokens', () => {
    const credentials = { secretRef: { name: 's', key: 'k' }, tokenURL: 'https://tokens.example/t' };
    expect(providerUrls(specOf({ type: 'vertex', google: { project: 'p' }, credentials }))).toEqual([
      'https://aiplatform.googleapis.com',
      'https://tokens.example/t',
    ]);
  });

  it.each<[boolean, object]>([
    [true, { type: 'bedrock', aws: { region: 'eu-central-1' }, credentials: { workloadIdentity: 'models' } }],
    [true, { type: 'vertex', google: { project: 'p' }, credentials: { workloadIdentity: 'models' } }],
    [true, { type: 'azure-openai', baseURL: 'https://a.example', credentials: { workloadIdentity: 'models' } }],
    [false, { type: 'openai', credentials: { workloadIdentity: 'models' } }],
    [
      false,
      {
        type: 'bedrock',
        aws: { region: 'eu-central-1' },
        credentials: { workloadIdentity: 'models', secretRef: { name: 's', key: 'k' } },
      },
    ],
    [
      false,
      {
        type: 'vertex',
        google: { project: 'p' },
        credentials: { workloadIdentity: 'models', tokenURL: 'https://tokens.example' },
      },
    ],
  ])('[vault:workload-named] names an identity alone, at a cloud: %s for %j', (isGood, spec) => {
    const parsed = parseResource({
      apiVersion: 'sallyport.dev/v1alpha1',
      kind: 'ModelProvider',
      metadata: { name: 'x' },
      spec,
    });
    expect(parsed.ok).toBe(isGood);
  });
});
