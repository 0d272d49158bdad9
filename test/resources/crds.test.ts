import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KubeError } from '@sallyport/chassis/kube/api';
import { apiVersion, isKind, kinds, parseResource } from '@sallyport/custom-resources';
import { type ApiServer, apiServerPlace } from './api-server.ts';
import { checkedInCrds, installCrds } from './crds.ts';
import { cases } from './objects.ts';
import { samples } from './samples.ts';

const place = apiServerPlace();
const real = place === undefined ? describe.skip : describe;
if (place === undefined) console.warn('No API server here (neither $CLUSTER nor KUBECONFIG): its tests are skipped.');

describe('the same objects without a cluster', () => {
  it.each([...cases, ...samples])('$kind: $name', ({ kind, spec, errors }) => {
    const parsed = parseResource({ apiVersion, kind, metadata: { name: 'x' }, spec });
    expect(parsed.ok ? [] : parsed.faults.map((fault) => fault.path)).toEqual(
      errors === undefined ? [] : expect.anything(),
    );
    expect(parsed.ok).toBe(errors === undefined);
  });
});

real('CRDs on a real API server', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await (place as NonNullable<typeof place>)();
    await installCrds(server.api);
  }, 120_000);
  afterAll(() => server?.stop());

  it('[resources:crds-accepted] are accepted, estimated cost of CEL included, and served', async () => {
    const crds = await checkedInCrds();
    expect(crds).toHaveLength(Object.keys(kinds).length);
    for (const { metadata } of crds) {
      const [plural] = metadata.name.split('.');
      const list = (await server.api.request({ path: `/apis/${apiVersion}/${plural}` })) as { items: unknown[] };
      expect(list.items).toEqual([]);
    }
  });

  it.each([...cases, ...samples])('[resources:cel] $kind: $name', async ({ kind, spec, errors }) => {
    const path = `/apis/${apiVersion}/namespaces/default/${kinds[kind].plural}`;
    const body = { apiVersion, kind, metadata: { name: 'x' }, spec };
    const query = { dryRun: 'All', fieldValidation: 'Strict' };
    const answer = await server.api.request({ method: 'POST', path, query, body }).catch((error: unknown) => error);
    if (errors === undefined) {
      expect(answer).not.toBeInstanceOf(Error);
      return;
    }
    expect(answer).toBeInstanceOf(KubeError);
    expect((answer as KubeError).status).toBe(422);
    for (const text of errors) expect((answer as KubeError).message).toContain(text);
  });

  it('gives the same defaults as the parser', async () => {
    for (const { kind, spec, errors } of cases) {
      if (errors !== undefined || !isKind(kind)) continue;
      const path = `/apis/${apiVersion}/namespaces/default/${kinds[kind].plural}`;
      const body = { apiVersion, kind, metadata: { name: 'x' }, spec };
      const stored = (await server.api.request({ method: 'POST', path, query: { dryRun: 'All' }, body })) as {
        spec: unknown;
      };
      const parsed = kinds[kind].spec.parse(spec);
      expect(stored.spec).toEqual(JSON.parse(JSON.stringify(parsed)));
    }
  });

  it('refuses an unknown field when asked to be strict', async () => {
    const path = `/apis/${apiVersion}/namespaces/default/models`;
    const spec = { targets: [{ provider: 'a', model: 'b', prio: 1 }] };
    const body = { apiVersion, kind: 'Model', metadata: { name: 'x' }, spec };
    const sent = server.api.request({ method: 'POST', path, query: { fieldValidation: 'Strict' }, body });
    await expect(sent).rejects.toThrow('unknown field "spec.targets[0].prio"');
  });
});
