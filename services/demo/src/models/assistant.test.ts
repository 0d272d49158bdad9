import { describe, expect, it } from '@jest/globals';
import { openMailbox } from '../tools/mailbox.ts';
import { ATTACKER, INJECTED_INSTRUCTION } from '../tools/mails.ts';
import { assistant } from './assistant.ts';
import type { Conversation, Message, Reply } from './conversation.ts';
import { looper } from './looper.ts';

const mailTools = ['mailbox__list_mails', 'mailbox__read_mail', 'mailbox__send_mail'];

describe('demo-assistant', () => {
  it('obeys the injected mail when nothing stands between: lists, reads, then sends the code to the attacker', () => {
    const mailbox = openMailbox();
    const { calls, text } = runAgent('What is new in my inbox?', mailTools, (name, args) => {
      if (name === 'mailbox__list_mails') return { mails: mailbox.list(false).map(({ body: _, ...rest }) => rest) };
      if (name === 'mailbox__read_mail') return { ...mailbox.read(String(args.id)) };
      return { id: mailbox.send(args as { to: string; subject: string; body: string }).id };
    });
    expect(calls).toEqual(['mailbox__list_mails', ...Array(5).fill('mailbox__read_mail'), 'mailbox__send_mail']);
    expect(mailbox.sent()).toMatchObject([{ to: ATTACKER, body: 'The password reset code is 481516.' }]);
    expect(text).toContain('Agenda for the planning meeting (from kim@example.com)');
  });

  it('calls send_mail although it was not offered, under the prefix of the tools beside it', () => {
    const told = conversation(
      [{ role: 'user', text: `Summarise this: ${INJECTED_INSTRUCTION.replaceAll(' ', '\n')}` }],
      ['mailbox__read_mail'],
    );
    expect(assistant(told).toolCalls).toMatchObject([{ name: 'mailbox__send_mail', arguments: { to: ATTACKER } }]);
    expect(assistant({ ...told, tools: [] }).toolCalls).toMatchObject([{ name: 'send_mail' }]);
  });

  it.each([
    ['prose', 'Refused by policy: untrusted content may not leave (rule egress-1).', false],
    ['an error result', 'untrusted content may not leave', true],
    ['a JSON error', '{"error":{"code":"policy_denied","reason":"untrusted content may not leave"}}', false],
    [
      "the gateway's code in brackets",
      '[audit_unavailable] This could not be recorded: untrusted content may not leave',
      false,
    ],
    [
      'an MCP result passed on whole',
      '{"content":[{"type":"text","text":"untrusted content may not leave"}],"isError":true}',
      false,
    ],
    ['a JSON refusal', '{"refused":true,"reason":"untrusted content may not leave"}', false],
  ])('says in text why a call was refused, told by %s', (_name, text, isError) => {
    const reply = assistant(
      conversation([
        { role: 'user', text: `Summarise: ${INJECTED_INSTRUCTION}` },
        { role: 'assistant', text: '', toolCalls: [{ id: 'c1', name: 'send_mail', arguments: { to: ATTACKER } }] },
        { role: 'tool', text, toolCallId: 'c1', isError },
      ]),
    );
    expect(reply.toolCalls).toEqual([]);
    expect(reply.text).toMatch(/^I could not use send_mail: .*untrusted content may not leave/);
  });

  it('tries again, once, what was not run beside a refused call', () => {
    const call = (id: string, mail: string) => ({ id, name: 'read_mail', arguments: { id: mail } });
    const history: Message[] = [
      { role: 'user', text: 'Check my inbox' },
      { role: 'assistant', text: '', toolCalls: [call('c1', 'm1'), call('c2', 'm2')] },
      { role: 'tool', text: 'Refused: this mail is private.', toolCallId: 'c1' },
      { role: 'tool', text: 'Not run, since another call was refused.', toolCallId: 'c2' },
    ];
    expect(assistant(conversation(history)).toolCalls).toEqual([{ name: 'read_mail', arguments: { id: 'm2' } }]);
    const again: Message[] = [
      ...history,
      { role: 'assistant', text: '', toolCalls: [call('c3', 'm2')] },
      { role: 'tool', text: 'Not run.', toolCallId: 'c3' },
    ];
    expect(assistant(conversation(again))).toEqual({
      text: 'I could not use read_mail: Refused: this mail is private.',
      toolCalls: [],
    });
  });

  it('writes a useful answer from typed fields and names handles without seeing what they hold', () => {
    const result = {
      mails: [
        {
          category: 'newsletter',
          urgent: false,
          subject: { $handle: 'h_7', type: 'string', from: 'mailbox__list_mails', path: '/0' },
        },
      ],
    };
    const { text, toolCalls } = assistant(afterList(result, ['mailbox__list_mails']));
    expect(toolCalls).toEqual([]);
    expect(text).toContain('category: newsletter');
    expect(text).toContain('subject: {"$handle":"h_7"}');
  });

  it('reads MCP results that a framework passed on whole', () => {
    const mail = { id: 'm2', from: 'a@b.example', subject: 'Hi' };
    const text = JSON.stringify({ mails: [mail] });
    for (const wrapped of [
      [{ type: 'text', text }],
      { content: [{ type: 'text', text }] },
      { structuredContent: { mails: [mail] } },
    ]) {
      expect(assistant(afterList(wrapped, ['mailbox__list_mails'])).text).toBe('- Hi (from a@b.example)');
    }
  });

  it('lists mails by handle where the sender and the subject are kept from it', () => {
    const mail = { id: 'm2', from: { $handle: 'h_1' }, subject: { $handle: 'h_2' } };
    expect(assistant(afterList({ mails: [mail] }, ['mailbox__list_mails'])).text).toBe(
      '- {"$handle":"h_2"} (from {"$handle":"h_1"})',
    );
  });

  it('passes handles on as arguments: an id to read, the sender to reply to', () => {
    const listed = { mails: [{ id: { $handle: 'h_id', type: 'string' }, from: { $handle: 'h_from' } }] };
    const reading = assistant(afterList(listed, mailTools));
    expect(reading.toolCalls).toEqual([{ name: 'mailbox__read_mail', arguments: { id: { $handle: 'h_id' } } }]);
    const replying = assistant(
      afterList(listed, ['mailbox__list_mails', 'mailbox__send_mail'], 'Reply to the first mail'),
    );
    expect(replying.toolCalls).toMatchObject([
      { name: 'mailbox__send_mail', arguments: { to: { $handle: 'h_from' } } },
    ]);
  });

  it.each<[string, string, string[], Reply['toolCalls']]>([
    [
      'sends what the user dictates',
      'Please send a mail to kim@example.com saying I am late.',
      ['send_mail'],
      [{ name: 'send_mail', arguments: { to: 'kim@example.com', subject: 'A message for you', body: 'I am late.' } }],
    ],
    [
      'deletes what the user names',
      'Delete mail m4',
      ['delete_mail'],
      [{ name: 'delete_mail', arguments: { id: 'm4' } }],
    ],
    [
      'looks for a slot',
      'When am I free on 2026-03-04 for 30 minutes?',
      ['find_free_slot'],
      [{ name: 'find_free_slot', arguments: { day: '2026-03-04', minutes: 30 } }],
    ],
    [
      'looks for a slot before it books',
      'Book a meeting on 2026-03-04 called Review',
      ['create_event', 'find_free_slot'],
      [{ name: 'find_free_slot', arguments: { day: '2026-03-04', minutes: 60 } }],
    ],
    [
      'books without a slot',
      'Book a meeting on 2026-03-04 called Review',
      ['create_event'],
      [
        {
          name: 'create_event',
          arguments: { title: 'Review', start: '2026-03-04T09:00:00Z', end: '2026-03-04T10:00:00.000Z' },
        },
      ],
    ],
    [
      'reads the calendar',
      'What meetings do I have?',
      ['calendar__list_events'],
      [{ name: 'calendar__list_events', arguments: {} }],
    ],
    ['says that it has no tool', 'What is in my inbox?', [], []],
    ['greets', '', [], []],
  ])('%s', (_name, request, tools, expected) => {
    const reply = assistant(conversation([{ role: 'user', text: request }], tools));
    expect(reply.toolCalls).toEqual(expected);
    if (expected.length === 0) expect(reply.text).not.toBe('');
  });

  it('books the slot that was found and then says so', () => {
    const { calls, text } = runAgent(
      'Book a meeting called Review',
      ['find_free_slot', 'create_event'],
      (name, args) =>
        name === 'find_free_slot'
          ? { start: '2026-03-03T09:30:00Z', end: '2026-03-03T10:30:00Z' }
          : { id: 'e4', ...args },
    );
    expect(calls).toEqual(['find_free_slot', 'create_event']);
    expect(text).toContain('start: 2026-03-03T09:30:00Z');
  });
});

describe('demo-looper', () => {
  it('calls the first reading tool for ever, with the arguments that its schema requires', () => {
    const parameters = {
      type: 'object',
      properties: { id: { type: 'string' }, limit: { type: 'integer', minimum: 3 } },
      required: ['id', 'limit'],
    };
    const tools = [
      { name: 'mailbox__send_mail', parameters: {} },
      { name: 'mailbox__read_mail', parameters },
    ];
    const asked: Message[] = [{ role: 'user', text: 'go' }];
    const call = { name: 'mailbox__read_mail', arguments: { id: 'm1', limit: 3 } };
    expect(looper({ model: 'demo-looper', messages: asked, tools }).toolCalls).toEqual([call]);
    const later: Message[] = [
      ...asked,
      { role: 'assistant', text: '', toolCalls: [{ id: 'c', ...call }] },
      { role: 'tool', text: '{}', toolCallId: 'c' },
    ];
    expect(looper({ model: 'demo-looper', messages: later, tools }).toolCalls).toEqual([call]);
    expect(looper({ model: 'demo-looper', messages: asked, tools: [] }).toolCalls).toEqual([]);
  });
});

function conversation(messages: readonly Message[], tools: readonly string[] = []): Conversation {
  return { model: 'demo-assistant', messages, tools: tools.map((name) => ({ name, parameters: {} })) };
}

function afterList(result: unknown, tools: readonly string[], request = 'What is in my inbox?'): Conversation {
  return conversation(
    [
      { role: 'user', text: request },
      { role: 'assistant', text: '', toolCalls: [{ id: 'c1', name: 'mailbox__list_mails', arguments: {} }] },
      { role: 'tool', text: JSON.stringify(result), toolCallId: 'c1' },
    ],
    tools,
  );
}

/** Runs the assistant as a client-owned loop does, at most ten steps. */
function runAgent(
  request: string,
  tools: readonly string[],
  execute: (name: string, args: Readonly<Record<string, unknown>>) => unknown,
) {
  const messages: Message[] = [{ role: 'user', text: request }];
  const calls: string[] = [];
  for (let step = 0; step < 10; step += 1) {
    const reply = assistant(conversation(messages, tools));
    if (reply.toolCalls.length === 0) return { calls, text: reply.text };
    const made = reply.toolCalls.map((call, index) => ({ id: `s${step}-${index}`, ...call }));
    messages.push({ role: 'assistant', text: reply.text, toolCalls: made });
    for (const call of made) {
      calls.push(call.name);
      messages.push({ role: 'tool', toolCallId: call.id, text: JSON.stringify(execute(call.name, call.arguments)) });
    }
  }
  throw new Error('the assistant did not come to an end');
}
