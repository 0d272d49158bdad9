import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { flowsTo, type Label, label, TRUSTED, untrusted } from './label.ts';
import {
  type Candidate,
  countSteps,
  type JoinEvidence,
  joinTrajectory,
  NO_STEPS,
  type Owner,
  stepsExceed,
} from './trajectory.ts';

const ann: Owner = { tenant: 't', client: 'c', user: 'ann' };
const of = (trajectory: string, owner: Owner = ann, tag: Label = TRUSTED): Candidate => ({
  trajectory,
  owner,
  label: tag,
});
const evidence = (more: Partial<JoinEvidence> = {}): JoinEvidence => ({
  requester: ann,
  unmatchedHistory: false,
  carriesHistory: false,
  ...more,
});

describe('joinTrajectory', () => {
  const full = evidence({
    header: of('1'),
    previousResponse: of('2'),
    callIds: [of('3')],
    assistantDigest: [of('4'), of('5')],
  });
  const { header: _header, ...noHeader } = full;
  const { previousResponse: _previous, ...noResponse } = noHeader;
  const { callIds: _calls, ...digestOnly } = noResponse;
  it.each<[string, JoinEvidence, string | undefined, string]>([
    ['the header first', full, '1', 'header'],
    ['then the previous response', noHeader, '2', 'previous-response'],
    ['then the ids of tool calls', noResponse, '3', 'call-ids'],
    ['then the digest of the last assistant message, the latest of several', digestOnly, '5', 'assistant-digest'],
    ['else a new one', evidence(), undefined, 'new'],
  ])('takes %s', (_name, given, trajectory, by) => expect(joinTrajectory(given)).toMatchObject({ trajectory, by }));

  it.each<[string, Owner]>([
    ['tenant', { ...ann, tenant: 'x' }],
    ['client', { ...ann, client: 'x' }],
    ['user', { ...ann, user: 'bob' }],
    ['lack of a user', { tenant: 't', client: 'c' }],
  ])('[turn:foreign-trajectory] takes one of another %s as absent, and reports it', (_name, owner) => {
    const joined = joinTrajectory(evidence({ header: of('9', owner, untrusted('x')), callIds: [of('3')] }));
    expect(joined).toEqual({ trajectory: '3', by: 'call-ids', label: TRUSTED, foreign: ['9'] });
  });

  it('[turn:join-taints] does not let a clean header clean the content of a tainted run', () => {
    const joined = joinTrajectory(evidence({ header: of('1'), callIds: [of('2', ann, untrusted('mail'))] }));
    expect(joined).toMatchObject({ trajectory: '1', label: { integrity: 'untrusted', sources: ['mail'] } });
  });

  it('takes a history it did not send as untrusted', () => {
    expect(
      joinTrajectory(evidence({ header: of('1'), unmatchedHistory: true, carriesHistory: true })).label.integrity,
    ).toBe('untrusted');
    const nobody = { tenant: 't', client: 'c' };
    expect(joinTrajectory(evidence({ requester: nobody, carriesHistory: true })).label.integrity).toBe('untrusted');
    expect(joinTrajectory(evidence({ requester: nobody })).label).toEqual(TRUSTED);
  });

  it('is not tainted by another run that said the same, where calls lead to a run that said it too', () => {
    const sent = [of('1'), of('2', ann, untrusted('a'))];
    const label = (more: Partial<JoinEvidence>) => joinTrajectory(evidence({ assistantDigest: sent, ...more })).label;
    expect(label({ callIds: [of('1')] }).integrity).toBe('trusted');
    expect(label({ header: of('1') }).integrity).toBe('untrusted');
    expect(label({}).integrity).toBe('untrusted');
  });

  it('only ever adds taint, whatever is named', () => {
    const candidate = fc.record({
      trajectory: fc.constantFrom('1', '2', '3'),
      owner: fc.constantFrom(ann, { ...ann, user: 'bob' }),
      label: fc.constantFrom(TRUSTED, untrusted('a'), label('trusted', [], ['ann'])),
    });
    const some = fc.record({ callIds: fc.array(candidate), assistantDigest: fc.array(candidate) });
    fc.assert(
      fc.property(some, candidate, (found, header) => {
        const without = joinTrajectory(evidence(found)).label;
        const with_ = joinTrajectory(evidence({ ...found, header })).label;
        expect(flowsTo(without, with_)).toBe(true);
        if (header.owner === ann) expect(flowsTo(header.label, with_)).toBe(true);
      }),
    );
  });
});

describe('steps', () => {
  it('count by kind and together, against both bounds', () => {
    const steps = countSteps(countSteps(NO_STEPS, 'model'), 'tool', 3);
    expect(steps).toEqual({ model: 1, tool: 3, quarantine: 0, approval: 0, taken: 4 });
    expect(stepsExceed(steps, { tool: 4, taken: 9 }, 'tool')).toBeUndefined();
    expect(stepsExceed(steps, { tool: 4, taken: 9 }, 'tool', 2)).toBe('tool');
    expect(stepsExceed(steps, { taken: 4 }, 'model')).toBe('taken');
    expect(stepsExceed(steps, {}, 'model', 1_000_000)).toBeUndefined();
  });
});
