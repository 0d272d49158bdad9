import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeApi } from '@sallyport/chassis/kube/api';
import { apiVersion } from '@sallyport/custom-resources';
import { parseAllDocuments } from 'yaml';

type Crd = { readonly metadata: { readonly name: string } };

/** The CRDs as they are checked in for kubectl. */
export async function checkedInCrds(): Promise<Crd[]> {
  const text = await readFile(join(import.meta.dirname, '../../deploy/crds.yaml'), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Crd);
}

/** Applies the CRDs and waits until the API server serves them. */
export async function installCrds(api: KubeApi): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const crd of await checkedInCrds()) {
    const query = { fieldManager: 'test', force: true };
    const contentType = 'application/apply-patch+yaml';
    await api.request({ method: 'PATCH', path: `${path}/${crd.metadata.name}`, query, contentType, body: crd });
  }
  for (const { metadata } of await checkedInCrds()) {
    const [plural] = metadata.name.split('.');
    for (let left = 100; ; left--) {
      // Established comes before the storage answers, so the resources themselves are asked for.
      const fault = await api.request({ path: `/apis/${apiVersion}/${plural}` }).then(
        () => undefined,
        (error: Error) => error,
      );
      if (fault === undefined) break;
      if (left === 0) throw fault;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
