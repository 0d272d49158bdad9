import { describe, expect, it } from '@jest/globals';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { TRUSTED } from '@sallyport/turn/label';
import { brokered, principalOfTest } from '../testing.ts';
import type { ApprovalContent, StoredApproval } from './approval.ts';
import { endorsedForGood, type Said, speak } from './speak.ts';

const NOW = 1_000_000;
const HOUR = 3_600_000;
const ADMIN = { role: Principal_Role.ADMIN };
const approvalOf = (content: Partial<ApprovalContent> = {}, fields: Partial<StoredApproval> = {}): StoredApproval => ({
  tenant: 'acme',
  id: 'a1',
  trajectory: 't1',
  state: 'pending',
  createdAtMs: NOW - 1000,
  expiresAtMs: NOW + HOUR,
  words: [],
  content: {
    turn: 'turn',
    requester: principalOfTest(),
    tool: brokered('egress'),
    toolClass: 'egress',
    argumentsJson: '{"to":"x"}',
    values: [{ pointer: '/to', valueJson: '"x"', origin: 'composed', from: '', path: '', looksLike: '', asked: true }],
    rule: 'p/ask',
    reason: 'Why.',
    policyRevision: 'r1',
    rules: 'rules',
    context: TRUSTED,
    approvers: [{ users: ['bea'], teams: ['finance'], administratorsOnAbsence: false }],
    needed: 1,
    validMs: HOUR,
    remindMs: undefined,
    ...content,
  },
  ...fields,
});
const person = (user: string, fields: object = {}) =>
  principalOfTest({ id: `key:${user}`, keyId: user, user, ...fields });
const said = (approver: Said['approver'], fields: Partial<Said> = {}): Said => ({
  approver,
  approve: true,
  endorse: [],
  endorseUntilMs: 0,
  breakGlass: false,
  note: '',
  ...fields,
});
const outcome = (approval: StoredApproval, word: Said) => {
  try {
    return speak(approval, word, NOW).state;
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const open = { approvers: [{ users: [], teams: [], administratorsOnAbsence: false }] };
const named = { approvers: [{ users: ['ann'], teams: [], administratorsOnAbsence: false }] };

describe('one word on an approval', () => {
  it.each<[string, string, Partial<ApprovalContent>, Said]>([
    ['a named person', 'approved', {}, said(person('bea'))],
    ['a member of a named team', 'approved', {}, said(person('cas', { teams: ['finance'] }))],
    ['a named person who says no', 'rejected', {}, said(person('bea'), { approve: false })],
    ['an administrator who is not named', 'permission_denied', {}, said(person('root', ADMIN))],
    ['an administrator where nobody is named', 'approved', open, said(person('root', ADMIN))],
    ['a member where nobody is named', 'not_found', open, said(person('bea'))],
    ['a stranger', 'not_found', {}, said(person('eve'))],
    ['somebody of another tenant', 'not_found', {}, said(person('bea', { tenant: 'globex' }))],
    ['the requester', 'permission_denied', {}, said(person('ann'))],
    ['the requester as administrator', 'permission_denied', open, said(person('ann', ADMIN))],
    ['the requester, by name, of egress', 'approved', named, said(person('ann'))],
    ['the requester in a team, of egress', 'permission_denied', {}, said(person('ann', { teams: ['finance'] }))],
    [
      'the requester in a team, of a write',
      'approved',
      { toolClass: 'write' },
      said(person('ann', { teams: ['finance'] })),
    ],
    ['the requester, by name, where two are needed', 'permission_denied', { ...named, needed: 2 }, said(person('ann'))],
    ['the requester who says no', 'rejected', named, said(person('ann'), { approve: false })],
    ['one of two', 'pending', { needed: 2 }, said(person('bea'))],
    [
      'an administrator in an emergency',
      'approved',
      {},
      said(person('root', ADMIN), { breakGlass: true, note: 'Fire.' }),
    ],
    ['an emergency without a note', 'invalid_request', {}, said(person('root', ADMIN), { breakGlass: true })],
    ['a member in an emergency', 'not_found', {}, said(person('eve'), { breakGlass: true, note: 'Fire.' })],
    [
      'the requester in an emergency',
      'permission_denied',
      {},
      said(person('ann', ADMIN), { breakGlass: true, note: 'x' }),
    ],
    [
      'an emergency where two are needed',
      'pending',
      { needed: 2 },
      said(person('root', ADMIN), { breakGlass: true, note: 'x' }),
    ],
    [
      'who endorses for 91 days',
      'invalid_request',
      {},
      said(person('bea'), { endorse: ['/to'], endorseUntilMs: NOW + 91 * 24 * HOUR }),
    ],
    [
      'who endorses no time',
      'invalid_request',
      {},
      said(person('bea'), { endorse: ['/to'], endorseUntilMs: Number.NaN }),
    ],
    ['who endorses what is no value of the call', 'invalid_request', {}, said(person('bea'), { endorse: ['/cc'] })],
  ])('[approval:approvers] of %s makes it %s', (_, expected, content, word) => {
    expect(outcome(approvalOf(content), word)).toBe(expected);
  });

  it('[approval:approvers] where two policies ask, a person has to be among the approvers of both', () => {
    const both = {
      approvers: [...approvalOf().content.approvers, { users: ['cas'], teams: [], administratorsOnAbsence: false }],
    };
    expect(outcome(approvalOf(both), said(person('cas', { teams: ['finance'] })))).toBe('approved');
    expect(outcome(approvalOf(both), said(person('bea')))).toBe('not_found');
  });

  it.each(['approved', 'rejected', 'expired', 'void', 'used'] as const)(
    '[approval:exactly-one] a word on an approval that is %s is a conflict',
    (state) => {
      expect(outcome(approvalOf({}, { state }), said(person('bea')))).toBe('conflict');
    },
  );

  it('[approval:expiry] a question that is over takes no word, whether or not its row says so', () => {
    expect(outcome(approvalOf({}, { expiresAtMs: NOW }), said(person('bea')))).toBe('conflict');
  });

  it('[approval:two] two credentials of one user are one person', () => {
    const { words } = speak(approvalOf({ needed: 2 }), said(person('bea')), NOW);
    expect(outcome(approvalOf({ needed: 2 }, { words }), said(person('bea', { id: 'key:2' })))).toBe('conflict');
    const cas = said(person('cas', { teams: ['finance'] }));
    expect(outcome(approvalOf({ needed: 2 }, { words }), cas)).toBe('approved');
  });

  it('[approval:expiry] what was granted by breaking the glass is good for a quarter of an hour', () => {
    const word = said(person('root', ADMIN), { breakGlass: true, note: 'Fire.' });
    expect(speak(approvalOf(), word, NOW).expiresAtMs).toBe(NOW + 15 * 60_000);
    expect(speak(approvalOf(), said(person('bea')), NOW).expiresAtMs).toBe(NOW + HOUR);
  });

  it('[approval:endorse] endorsed for good is what all of two say, for the shorter time', () => {
    const word = (endorse: readonly string[], endorseUntilMs: number) => ({
      user: 'u',
      approve: true,
      atMs: NOW,
      breakGlass: false,
      note: '',
      endorse,
      endorseUntilMs,
    });
    expect(endorsedForGood([word(['/to', '/cc'], 9), word(['/to'], 5)])).toEqual({ pointers: ['/to'], untilMs: 5 });
    expect(endorsedForGood([])).toEqual({ pointers: [], untilMs: 0 });
  });
});
