import { describe, expect, it } from '@jest/globals';
import { KeepAlive } from './keep-alive.ts';
import { listener, turnOf } from './testing.ts';

describe('a client that waits for a stream', () => {
  it('[routing:keep-alive] hears comments while targets are tried, and none when that is over', () => {
    const heard = listener();
    const waiting = new KeepAlive(turnOf({ body: { stream: true } }, heard));
    waiting.late();
    expect(heard.text()).toBe(': waiting for the model\n\n');
    waiting.end();
    waiting.late();
    expect(heard.text()).toBe(': waiting for the model\n\n');
  });
});
