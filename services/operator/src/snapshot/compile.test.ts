import { describe, expect, it } from '@jest/globals';
import { parseResource } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import { createCompiler } from './compile.ts';

const written = {
  apiVersion: 'sallyport.dev/v1alpha1',
  kind: 'ToolServer',
  metadata: { name: 'crm', namespace: 'acme' },
  spec: { openApi: { url: 'https://crm.example', configMapRef: { name: 'crm-api', key: 'openapi.json' } } },
};
const entry = {
  ...{ kind: 'ToolServer', tenant: 'acme', name: 'crm', uid: 'u', generation: 1, createdAtMs: 0, annotations: {} },
  ...{ written: written.spec, parsed: parseResource(written), status: {} },
} as Entry<'ToolServer'>;
const view = { list: () => [entry], get: () => entry, synced: () => true } as never;

describe('a tool server whose document stands in a ConfigMap', () => {
  it('[openapi:config-map] is compiled anew only where the document changed: each of them may be of 256 KiB', () => {
    let text = '{"openapi":"3.1.0"}';
    const metadata = { name: 'crm-api', namespace: 'acme', annotations: {}, labels: {} };
    const configMaps = () => ({ metadata, data: new Map([['openapi.json', text]]) });
    const compiler = createCompiler();
    const compiled = () => compiler.compile('ToolServer', view, undefined, configMaps as never)[0];
    const first = compiled();
    expect(JSON.parse(first?.specJson ?? '').openApi).toMatchObject({ document: text });
    expect(first?.specJson).not.toContain('configMapRef');
    expect(compiled()).toBe(first);
    text = '{"openapi":"3.1.1"}';
    expect(JSON.parse(compiled()?.specJson ?? '').openApi.document).toBe(text);
  });
});
