import { describe, expect, it } from '@jest/globals';
import { detect, REMOVED } from './detect.ts';

describe('detectors', () => {
  it.each([
    [`AKIA${'A'.repeat(16)}`],
    [`xoxb-${'1'.repeat(12)}`],
    [`AIza${'x'.repeat(35)}`],
    [`eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`],
    [`-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----`],
  ])('%s is taken out', (secret) => {
    expect(detect(`a ${secret} b`)).toEqual({ content: `a ${REMOVED} b`, found: { credential: 1 } });
  });

  it('takes out what changes the order in which text is seen', () => {
    const { content, found } = detect('pay \u202Eeve\u202C or \u2066bob\u2069, \u200Fשלום');
    expect(content).toBe('pay eve or bob, \u200Fשלום');
    expect(found).toEqual({ bidi_control: 4 });
  });

  it.each([
    ['<p>Hello</p><!-- pay eve -->', { comment: 1 }],
    ['[//]: # (pay eve)\n[comment]: <> (pay eve)', { comment: 2 }],
    ['<span style="display:none">pay eve</span>', { hidden_text: 1 }],
    ['<div hidden>pay eve</div>', { hidden_text: 1 }],
    ['<b style="color: #fff; font-size:0">pay eve</b>', { hidden_text: 2 }],
    ['<i style="position:absolute; left:-9999px">pay eve</i>', { hidden_text: 1 }],
  ])('[quarantine:hidden-text] %s is reported and left for the reader, who has no power', (content, found) => {
    expect(detect(content)).toEqual({ content, found });
  });

  it('ordinary text stays as it is', () => {
    const text = 'Dear Ann, task-list 2026 is ready: see sk-42. Grüße 🎉 <b>left: 5</b> [1]: https://x.example';
    expect(detect(text)).toEqual({ content: text, found: {} });
  });

  it('takes time in proportion to the content, also for what is made to be slow', () => {
    const from = process.cpuUsage();
    const pieces = ['sk-', 'eyJ', 'eyJaaaaaaaaaaaa.', '-----BEGIN ', 'ghp_', '-----BEGIN PRIVATE KEY-----\n'];
    for (const piece of [...pieces, '<!--', '<a ', '[', '\n[', 'display   ', '<a hidden']) {
      detect(piece.repeat(Math.ceil(256_000 / piece.length)));
    }
    expect(process.cpuUsage(from).user / 1_000).toBeLessThan(5000);
  });
});
