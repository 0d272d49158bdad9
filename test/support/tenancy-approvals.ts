import { expect } from '@jest/globals';
import { eventually } from './suite.ts';
import { ASKED_FUNCTION, NOBODY, type Page, type Side } from './two-tenants.ts';

interface Approval {
  readonly id: string;
  readonly state: string;
}
interface Endorsement {
  readonly id: string;
  readonly value: string;
}
type Case = (own: Side, other: Side) => Promise<void>;

const listed = async ({ admin }: Side, state: string) =>
  (await admin.get(`/admin/v1/approvals?state=${state}`)).json<Approval[]>();
const endorsed = async ({ admin }: Side) => (await admin.get('/admin/v1/endorsements')).json<Page<Endorsement>>().items;

/** Does something while a call of a tenant waits for a person, then answers it. */
async function whileOneWaits(
  side: Side,
  act: (id: string) => Promise<void>,
  word: object = { decision: 'reject' },
): Promise<void> {
  const to = `someone-${Math.random()}`;
  side.provider.script('chat', { toolCalls: [{ name: 'tell', arguments: { to } }] });
  const turn = side.agent.chat('chat', { tools: [ASKED_FUNCTION] });
  const [found] = await eventually(
    () => listed(side, 'pending'),
    (all) => all.length === 1,
    15_000,
  );
  const id = (found as Approval).id;
  try {
    await act(id);
  } finally {
    side.provider.script('chat', { text: `${side.tenant} speaking` });
    const answered = await side.admin.send('POST', `/admin/v1/approvals/${id}`, word);
    await turn;
    expect(answered.status).toBe(200);
  }
}

/** What holds between two tenants of each route about approvals and endorsements. */
export const APPROVAL_CASES: Readonly<Record<string, Case>> = {
  'get /admin/v1/approvals': (own, other) =>
    whileOneWaits(other, async (id) => {
      for (const state of ['pending', 'rejected', 'used'])
        expect(JSON.stringify(await listed(own, state))).not.toContain(id);
      const page = await own.admin.get(`/admin/v1/approvals?pageToken=${id}`);
      expect([page.status, page.text.includes(id)]).toEqual([200, false]);
    }),
  'get /admin/v1/approvals/{id}': (own, other) =>
    whileOneWaits(other, async (id) => {
      for (const client of [own.admin, own.agent]) {
        const foreign = await client.get(`/admin/v1/approvals/${id}`);
        const absent = await client.get(`/admin/v1/approvals/${NOBODY}`);
        expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
      }
    }),
  'post /admin/v1/approvals/{id}': (own, other) =>
    whileOneWaits(other, async (id) => {
      for (const word of [{ decision: 'approve' }, { decision: 'reject', breakGlass: true, note: 'x' }]) {
        const foreign = await own.admin.send('POST', `/admin/v1/approvals/${id}`, word);
        const absent = await own.admin.send('POST', `/admin/v1/approvals/${NOBODY}`, word);
        expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
      }
      expect(await listed(other, 'pending')).toMatchObject([{ id, state: 'pending' }]);
    }),
  'get /admin/v1/endorsements': async (own, other) => {
    await whileOneWaits(other, async () => undefined, { decision: 'approve', endorse: ['/to'] });
    const theirs = await endorsed(other);
    expect(theirs.length).toBeGreaterThan(0);
    // Both tenants have a user of this name.
    for (const client of [own.admin, own.agent]) {
      const answer = await client.get('/admin/v1/endorsements?user=dana');
      expect(answer.status).toBe(200);
      for (const { id, value } of theirs) {
        expect(answer.text).not.toContain(id);
        expect(answer.text).not.toContain(value);
      }
    }
  },
  'delete /admin/v1/endorsements/{id}': async (own, other) => {
    await whileOneWaits(other, async () => undefined, { decision: 'approve', endorse: ['/to'] });
    const theirs = await endorsed(other);
    for (const { id } of theirs) {
      for (const client of [own.admin, own.agent]) {
        const foreign = await client.send('DELETE', `/admin/v1/endorsements/${id}`, undefined);
        const absent = await client.send('DELETE', `/admin/v1/endorsements/${NOBODY}`, undefined);
        expect([foreign.status, foreign.text]).toEqual([absent.status, absent.text]);
      }
    }
    expect(await endorsed(other)).toEqual(theirs);
  },
};
