import { describe, expect, it } from '@jest/globals';
import { parseSpec } from '@sallyport/custom-resources';
import { reviewedDigests } from '@sallyport/custom-resources/tool-server-pins';
import { parseAllDocuments } from 'yaml';
import { promotedText, promotionOf, promptPromotionOf } from './promotion.ts';

const digest = (of: string) => `sha256:${of.repeat(64)}`;
const FILE = `# Tools of the bank.
apiVersion: v1
kind: Secret
metadata: { name: bank }
---
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: bank }
spec:
  remote: { url: https://bank.example/mcp } # theirs
  stage: Sandbox
  reviewers: { teams: [security] }
  tools:
    - { name: pay, class: Egress } # money leaves
`;

describe('promotion of a tool server', () => {
  const seen = [
    { name: 'pay', class: 'Egress', digest: digest('a'), heldDigest: digest('b') },
    { name: 'balance', class: 'Sensitive', digest: digest('c') },
    {
      name: 'odd',
      class: 'Sensitive',
      heldDigest: digest('d'),
      suspicions: [{ code: 'Concealment', at: '/description' }],
    },
  ];

  it('[cli:promote] pins what is there now, keeps what was said, and leaves out what has to be looked at', () => {
    const named = [
      { name: 'pay', class: 'Egress', timeoutSeconds: 5 },
      { name: 'gone', class: 'Read' },
    ];
    const { tools, pinned, leftOut } = promotionOf(named, seen, []);
    expect(tools).toEqual([
      { name: 'pay', class: 'Egress', timeoutSeconds: 5, digest: digest('b') },
      { name: 'balance', class: 'Sensitive', digest: digest('c') },
      { name: 'gone', class: 'Read' },
    ]);
    expect(pinned).toEqual(['pay', 'balance']);
    expect(leftOut.map(({ name }) => name)).toEqual(['odd']);
    expect(promotionOf(named, seen, ['odd']).pinned).toContain('odd');
  });

  it('[cli:promote] writes into the file in which it stands, and leaves all else as it was written', () => {
    const { tools } = promotionOf([{ name: 'pay', class: 'Egress' }], seen, []);
    const text = promotedText(FILE, 'bank', tools) as string;
    expect(text).toContain('# Tools of the bank.');
    expect(text).toContain('# theirs');
    expect(text).toContain('# money leaves');
    expect(text).toContain('stage: Live');
    expect(text).toContain(`name: pay, class: Egress, digest: ${digest('b')}`);
    expect(text).toContain('reviewers: { teams: [ security ] }');
    expect(text.match(/digest:/g)).toHaveLength(2);
    expect(promotedText(text, 'bank', tools)).toBe(text);
    expect(promotedText(FILE, 'other', tools)).toBeUndefined();
  });

  it('[cli:promote-large] pins a server of 512 tools whole: digests alone of those of which nothing else is said', () => {
    const many = Array.from({ length: 512 }, (_, n) => ({ name: `t${n}`, class: 'Read', digest: digest('a') }));
    const named = [
      { name: 't7', class: 'Egress' },
      { name: 'gone', class: 'Read' },
    ];
    const earlier = [
      { name: 't9', digest: digest('b') },
      { name: 'left', digest: digest('c') },
    ];
    const { tools, pins, pinned } = promotionOf(named, many, [], earlier);
    expect(tools).toEqual([
      { name: 't7', class: 'Egress', digest: digest('a') },
      { name: 'gone', class: 'Read' },
    ]);
    expect(pinned).toHaveLength(512);
    expect(pins).toHaveLength(512);
    expect(pins[0]).toEqual({ name: 'left', digest: digest('c') });
    expect(pins.find(({ name }) => name === 't9')?.digest).toBe(digest('a'));
    const text = promotedText(FILE, 'bank', tools, pins) as string;
    expect(promotedText(text, 'bank', tools, pins)).toBe(text);
    const parsed = parseAllDocuments(text)[1]?.toJS() as { spec: object };
    const spec = parseSpec('ToolServer', parsed.spec, 'bank');
    if (!spec.ok) throw new Error(JSON.stringify(spec.faults));
    expect(reviewedDigests(spec.value).size).toBe(513);
    expect(Buffer.byteLength(JSON.stringify(spec.value))).toBeLessThan(150_000);
    const twice = parseSpec('ToolServer', { ...parsed.spec, pins: [...pins, pins[0]] }, 'bank');
    expect(twice.ok).toBe(false);
  });

  it('[cli:promote-prompts] pins prompts as it pins tools', () => {
    const prompts = [
      { name: 'brief', digest: digest('a'), heldDigest: digest('b') },
      { name: 'odd', heldDigest: digest('d'), suspicions: [{ code: 'Concealment', at: '/description' }] },
    ];
    const named = [
      { name: 'brief', digest: digest('a') },
      { name: 'gone', digest: digest('c') },
    ];
    const promotion = promptPromotionOf(named, prompts, ['odd']);
    expect(promotion.prompts).toEqual([{ name: 'brief', digest: digest('b') }, named[1]]);
    expect(promotion.leftOut.map(({ name }) => name)).toEqual(['odd']);
    expect(promptPromotionOf(named, prompts, ['prompt:odd']).pinned).toEqual(['brief', 'odd']);
    const text = promotedText(FILE, 'bank', [], [], promotion.prompts) as string;
    expect(promotedText(text, 'bank', [], [], promotion.prompts)).toBe(text);
    const parsed = parseAllDocuments(text)[1]?.toJS() as { spec: object };
    const spec = parseSpec('ToolServer', parsed.spec, 'bank');
    expect(spec).toMatchObject({ ok: true, value: { stage: 'Live', prompts: promotion.prompts } });
  });
});
