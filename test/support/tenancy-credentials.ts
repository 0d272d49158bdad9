import { expect } from '@jest/globals';
import type { Page, Side } from './two-tenants.ts';

interface Credential {
  readonly owner: string;
  readonly name: string;
  readonly reference: string;
  readonly origin: string;
  readonly usable: boolean;
}
interface Accessible {
  readonly resource: string;
  readonly reference: string | null;
}
type Case = (own: Side, other: Side) => Promise<void>;

/** A provider of both tenants that takes keys of people; people have the same names in both. */
const PLACE = { kind: 'ModelProvider', resource: 'brought' };
const PATH = '/admin/v1/credentials';
const OF_DANA = `${PATH}?${new URLSearchParams({ ...PLACE, owner: 'user', name: 'dana' })}`;

const put = async ({ admin, tenant }: Side) => {
  const body = { ...PLACE, owner: 'user', name: 'dana', value: `brought-by-dana-of-${tenant}` };
  expect((await admin.send('PUT', PATH, body)).status).toBe(200);
};
const removed = ({ admin }: Side) => admin.send('DELETE', OF_DANA, undefined);
const listed = async ({ admin }: Side) => (await admin.get(PATH)).json<Page<Credential>>().items;
const accessible = async ({ agent }: Side) =>
  (await agent.get(`${PATH}/accessible`)).json<Page<Accessible>>().items.find(({ resource }) => resource === 'brought');

/** Does something while the other tenant alone has a credential of its dana. */
async function whileOtherHas(own: Side, other: Side, act: () => Promise<void>): Promise<void> {
  await removed(own);
  await put(other);
  try {
    await act();
  } finally {
    await removed(other);
  }
}

/** What holds between two tenants of each route about credentials that people put in. */
export const CREDENTIAL_CASES: Readonly<Record<string, Case>> = {
  'get /admin/v1/credentials': (own, other) =>
    whileOtherHas(own, other, async () => {
      expect(await listed(other)).toMatchObject([{ owner: 'user', name: 'dana', usable: true }]);
      expect(await listed(own)).toEqual([]);
    }),
  'get /admin/v1/credentials/accessible': (own, other) =>
    whileOtherHas(own, other, async () => {
      expect((await accessible(other))?.reference).toEqual(expect.any(String));
      expect(await accessible(own)).toMatchObject({ resource: 'brought', reference: null });
    }),
  'put /admin/v1/credentials': (own, other) =>
    whileOtherHas(own, other, async () => {
      const before = await listed(other);
      await put(own);
      expect(await listed(own)).toHaveLength(1);
      expect(await listed(other)).toEqual(before);
      await removed(own);
    }),
  'delete /admin/v1/credentials': (own, other) =>
    whileOtherHas(own, other, async () => {
      expect((await removed(own)).status).toBe(404);
      expect(await listed(other)).toHaveLength(1);
    }),
};
