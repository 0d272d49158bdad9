import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_DOCUMENT } from '@sallyport/custom-resources';
import { endSuites, eventually, head, suite } from '../testing/folder-suite.ts';

afterEach(endSuites);

const server = `${head('ToolServer', 'crm')}spec: {openApi: {url: "https://crm.example", configMapRef: {name: crm-api, key: openapi.json}}}\n`;
const map = (text: string, key = 'openapi.json') =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'crm-api' }, data: { [key]: text } })}\n`;

async function running(files: Record<string, string>) {
  const held = await suite(files);
  const published = async () => {
    for await (const { kind, upserts } of held.operator.publisher.watch(['ToolServer'], AbortSignal.timeout(15_000))) {
      if (kind === 'ToolServer') return upserts.map(({ specJson }) => JSON.parse(specJson).openApi);
    }
    throw new Error('nothing is published');
  };
  const until = async (text: string | undefined) => {
    let last: unknown;
    for (let tries = 0; tries < 1_500; tries++) {
      [last] = (await published()).map(({ document }) => document);
      if (last === text) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(last).toBe(text);
  };
  return { ...held, published, until, refs: () => held.reason('ToolServer', 'crm', 'ResolvedRefs') };
}

describe('a document in a ConfigMap', () => {
  it('[openapi:config-map] is in force as the ConfigMap has it now, and what is not there is told', async () => {
    const { write, remove, until, published, refs, reason } = await running({ 'server.yaml': server });
    await eventually(refs, 'False ConfigMapNotFound');
    expect(reason('ToolServer', 'crm', 'Ready')).toBe('False ConfigMapNotFound');
    expect(await published()).toEqual([]);
    await write('map.yaml', map('{"openapi": "3.1.0"}'));
    await eventually(refs, 'True Resolved');
    await until('{"openapi": "3.1.0"}');
    // The broker is not told where it stood.
    expect(await published()).toEqual([{ url: 'https://crm.example', document: '{"openapi": "3.1.0"}' }]);
    await write('map.yaml', map('{"openapi": "3.0.0"}'));
    await until('{"openapi": "3.0.0"}');
    await write('map.yaml', map('{}', 'other'));
    await eventually(refs, 'False ConfigMapKeyNotFound');
    await remove('map.yaml');
    await eventually(refs, 'False ConfigMapNotFound');
    // What was good stays in force.
    await until('{"openapi": "3.0.0"}');
    await write('server.yaml', server.replace('configMapRef: {name: crm-api, key: openapi.json}', 'document: "{}"'));
    await eventually(refs, 'True NotRequired');
    await until('{}');
  });

  it.each([
    ['too long', 'x'.repeat(MAX_DOCUMENT + 1), 'False DocumentTooLarge'],
    ['empty', ' \n', 'False DocumentEmpty'],
    ['as long as may be', 'x'.repeat(MAX_DOCUMENT), 'True Resolved'],
  ])('[openapi:config-map] that is %s is held to the bounds of one in the resource', async (_, text, wanted) => {
    const { refs, published } = await running({ 'server.yaml': server, 'map.yaml': map(text) });
    await eventually(refs, wanted);
    expect(await published()).toHaveLength(wanted === 'True Resolved' ? 1 : 0);
  });
});
