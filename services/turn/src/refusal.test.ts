import { describe, expect, it } from '@jest/globals';
import { combine, deny, SIDE_EFFECT_RULE } from './decision.ts';
import {
  APPROVAL_EXPIRED_RULE,
  APPROVAL_REJECTED_RULE,
  approvalText,
  finalText,
  notConnected,
  notRun,
  refusal,
  refusalOf,
} from './refusal.ts';

describe('refusals', () => {
  it('explain a denial by its rule, in one line and bounded', () => {
    const said = refusalOf(deny('mail/no\nbcc', `No\u0000 bcc.\u202e${'x'.repeat(400)}`, '1'));
    expect(said.code).toBe('policy_denied');
    expect(said.text).toMatch(/^\[policy_denied\] .* Rule mail\/no bcc: No bcc\. x+…$/);
    expect(said.text.length).toBeLessThan(600);
  });

  it('[turn:refusal-hide] say of a hidden tool what they say of one that is not there', () => {
    const hidden = combine([{ verdict: 'hide', mode: 'enforce', rule: 'secret-rule', reason: 'secret reason' }], '1');
    expect(refusalOf(hidden)).toEqual(refusal('no_such_tool'));
    expect(refusalOf(hidden).text).not.toContain('secret');
  });

  it('name the rule that acted, not the one that observed', () => {
    const decision = combine(
      [
        { verdict: 'deny', mode: 'observe', rule: 'watching', reason: 'w' },
        { verdict: 'ask', mode: 'enforce', rule: 'acting', reason: 'a' },
      ],
      '1',
    );
    expect(refusalOf(decision)).toMatchObject({
      code: 'approval_required',
      text: expect.stringContaining('Rule acting: a'),
    });
  });

  it('have stable codes for the built-in rule and for calls not run', () => {
    expect(refusalOf(deny(SIDE_EFFECT_RULE, 'r', '1')).code).toBe('untrusted_in_play');
    expect(notRun().text).toContain('[not_run]');
  });

  it('end a turn with codes alone', () => {
    const text = finalText([
      refusal('policy_denied', { rule: 'r', reason: 'why' }),
      notRun(),
      refusal('policy_denied'),
    ]);
    expect(text).toContain('(policy_denied)');
    expect(text).not.toContain('why');
    expect(finalText([])).not.toContain('(');
  });

  it('name where a user connects an account, where that is known', () => {
    const link = 'https://gate.example/me/connect/mail';
    expect(notConnected(link)).toEqual({ code: 'not_connected', text: expect.stringContaining(`at ${link} .`) });
    expect(notConnected(undefined)).toEqual(refusal('not_connected'));
  });

  it('name an approval and where it is answered', () => {
    expect(approvalText([{ id: 'ap-1', link: 'https://gate.example/approve/ap-1' }])).toMatch(
      /approval .*\(ap-1\).*https:\/\/gate\.example\/approve\/ap-1 /,
    );
    expect(approvalText([{ id: 'ap-1' }, { id: 'ap-2' }])).toContain('(ap-1, ap-2)');
    expect(approvalText([{ id: 'ap-1' }])).not.toContain('http');
  });

  it('[turn:refusal-approval] say that people refused, or did not answer, without their words or the values', () => {
    const rejected = refusalOf(deny(APPROVAL_REJECTED_RULE, 'secret', '1'));
    expect(rejected).toMatchObject({ code: 'approval_rejected', text: expect.not.stringContaining('secret') });
    expect(refusalOf(deny(APPROVAL_EXPIRED_RULE, 'secret', '1')).code).toBe('approval_expired');
  });
});
