import { describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError, type KubeRequest } from '@sallyport/chassis/kube/api';
import { accessReviewService } from '../server.ts';
import { accessReview } from './access-review.ts';

const ROBOT = { user: 'system:serviceaccount:ci:robot', groups: ['system:serviceaccounts'] };

function answering(answer: unknown) {
  const asked: KubeRequest[] = [];
  const api: Pick<KubeApi, 'request'> = {
    async request(wanted) {
      asked.push(wanted);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { asked, may: accessReview(api) };
}

describe('accessReview', () => {
  it('[operator:access-review] asks the API server for the verb administer on virtual keys of the namespace', async () => {
    const { asked, may } = answering({ status: { allowed: true } });
    expect(await may('acme', ROBOT)).toBe(true);
    expect(asked).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/namespaces/acme/localsubjectaccessreviews',
        body: expect.objectContaining({
          spec: {
            ...ROBOT,
            resourceAttributes: {
              namespace: 'acme',
              verb: 'administer',
              group: 'sallyport.dev',
              resource: 'virtualkeys',
            },
          },
        }),
      }),
    ]);
  });

  it.each([
    ['says no', { status: { allowed: false } }],
    ['denies what another allows', { status: { allowed: true, denied: true } }],
    ['says nothing', undefined],
    ['says it in another type', { status: { allowed: 'true' } }],
  ])('[operator:access-review] takes it for a no where the server %s', async (_name, answer) => {
    expect(await answering(answer).may('acme', ROBOT)).toBe(false);
  });

  it('[operator:access-review] rejects where the server refuses or is away, and asks about no nameless ones', async () => {
    const refusing = answering(new KubeError(403, 'Forbidden', 'no'));
    await expect(refusing.may('acme', ROBOT)).rejects.toThrow('no');
    const service = accessReviewService(refusing.may);
    const ctx = {} as never;
    const request = (fields: object) => ({ tenant: 'acme', ...ROBOT, ...fields }) as never;
    for (const fields of [{ tenant: '' }, { tenant: '../x' }, { user: '' }]) {
      await expect(service.review(request(fields), ctx)).rejects.toMatchObject({ code: 'invalid_request' });
    }
    await expect(service.review(request({}), ctx)).rejects.toMatchObject({ code: 'unavailable' });
    expect(refusing.asked).toHaveLength(2);
  });
});
