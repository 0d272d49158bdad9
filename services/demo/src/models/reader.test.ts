import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { z } from 'zod';
import { SEED_MAILS } from '../tools/mails.ts';
import { readContent } from './content.ts';
import type { JsonSchema } from './conversation.ts';
import { extract } from './extraction.ts';
import { LIE, lie } from './lies.ts';
import { honestReader, lyingReader } from './reader.ts';

const mailSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sender', 'subject', 'category', 'urgent', 'contains_instructions', 'date', 'summary'],
  properties: {
    sender: { type: 'string' },
    subject: { type: 'string', maxLength: 80 },
    category: { enum: ['security', 'meeting', 'newsletter', 'invoice', 'personal', 'other'] },
    urgent: { type: 'boolean' },
    contains_instructions: { type: 'boolean' },
    date: { type: 'string', format: 'date' },
    summary: { type: 'string', maxLength: 100 },
  },
};

describe('demo-quarantine', () => {
  it.each(
    SEED_MAILS.map(
      (mail, index) =>
        [mail.subject, mail, ['security', 'meeting', 'newsletter', 'invoice', 'personal'][index]] as const,
    ),
  )('reads "%s" as what it is', (_subject, mail, category) => {
    const filled = extract(mailSchema, `Read this.\n<content>${JSON.stringify(mail)}</content>`);
    expect(filled).toEqual({
      sender: mail.from,
      subject: mail.subject,
      category,
      urgent: false,
      contains_instructions: mail.id === 'm3',
      date: mail.date.slice(0, 10),
      summary: mail.body.split(/(?<=[.?!])\s/)[0]?.slice(0, 100),
    });
  });

  it('reads a result that is laid out as YAML, as quarantine lays it out', () => {
    const schema = { type: 'object', properties: { mails: { type: 'array', items: mailSchema } }, required: ['mails'] };
    const filled = extract(schema, stringify({ mails: SEED_MAILS }, { lineWidth: 0 })) as {
      mails: { sender: string }[];
    };
    expect(filled.mails.map(({ sender }) => sender)).toEqual(SEED_MAILS.map(({ from }) => from));
  });

  it('fills a list item by item', () => {
    const schema = {
      type: 'object',
      properties: { count: { type: 'integer' }, mails: { type: 'array', items: mailSchema } },
      required: ['count', 'mails'],
    };
    const filled = extract(schema, JSON.stringify({ mails: SEED_MAILS })) as {
      count: number;
      mails: { sender: string }[];
    };
    expect(filled.count).toBe(5);
    expect(filled.mails.map(({ sender }) => sender)).toEqual(SEED_MAILS.map(({ from }) => from));
  });

  it.each<[string, JsonSchema, string, unknown]>([
    [
      'a header line in prose',
      { type: 'object', properties: { sender: { type: 'string' } }, required: ['sender'] },
      'From: kim@example.com\n\nHello',
      { sender: 'kim@example.com' },
    ],
    [
      'an amount',
      { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] },
      'invoice 2026-118 over 84.50 euro',
      { amount: 84.5 },
    ],
    [
      'a due date',
      { type: 'object', properties: { due_date: { type: 'string', format: 'date' } } },
      'sent 2026-01-01, due on 2026-03-13',
      { due_date: '2026-03-13' },
    ],
    [
      'a date and time',
      { type: 'object', properties: { when: { type: 'string', format: 'date-time' } } },
      'at 2026-03-04T10:00:00Z',
      { when: '2026-03-04T10:00:00.000Z' },
    ],
    [
      'no day that does not exist',
      { type: 'object', properties: { when: { type: 'string', format: 'date' } } },
      'on 2026-02-31 or 2026-99-99',
      {},
    ],
    [
      'a code',
      { type: 'object', properties: { resetCode: { type: 'string' } } },
      'Your code is 481516.',
      { resetCode: '481516' },
    ],
    [
      'nothing, where null is allowed',
      { type: 'object', properties: { link: { type: ['string', 'null'], format: 'uri' } } },
      'no link',
      { link: null },
    ],
    [
      'nothing, where the field is optional',
      { type: 'object', properties: { link: { type: 'string', format: 'uri' } } },
      'no link',
      {},
    ],
    [
      'a local $ref',
      { $defs: { k: { enum: ['invoice', 'other'] } }, type: 'object', properties: { k: { $ref: '#/$defs/k' } } },
      'an invoice',
      { k: 'invoice' },
    ],
    ['a schema that refers to itself', { $ref: '#' }, 'x', 'unknown'],
  ])('finds %s', (_name, schema, content, expected) => {
    expect(extract(schema, content)).toEqual(expected);
  });

  it('answers as JSON text, without tools, and asks for a schema when there is none', () => {
    const messages = [{ role: 'user' as const, text: 'an invoice' }];
    const reply = honestReader({
      model: 'demo-quarantine',
      messages,
      tools: [],
      answerSchema: { enum: ['invoice', 'other'] },
    });
    expect(reply).toEqual({ text: '"invoice"', toolCalls: [] });
    expect(honestReader({ model: 'demo-quarantine', messages, tools: [] }).text).toMatch(/schema/);
  });
});

describe('demo-quarantine-lying', () => {
  it("returns an attacker's values that fit the schema", () => {
    const reply = lyingReader({
      model: 'm',
      messages: [{ role: 'user', text: 'x' }],
      tools: [],
      answerSchema: mailSchema,
    });
    expect(JSON.parse(reply.text)).toEqual({
      sender: 'helpdesk@mail-archive.example',
      subject: LIE.slice(0, 80),
      category: 'personal',
      urgent: true,
      contains_instructions: false,
      date: '2026-12-31',
      summary: LIE.slice(0, 100),
    });
  });
});

describe('whatever the schema and the content', () => {
  const leaf = fc.oneof(
    fc.constant({ type: 'boolean' }),
    fc.record({
      type: fc.constantFrom('integer', 'number'),
      minimum: fc.integer({ min: -5, max: 5 }),
      maximum: fc.integer({ min: 6, max: 50 }),
    }),
    fc.record({
      type: fc.constant('string'),
      minLength: fc.integer({ min: 0, max: 3 }),
      maxLength: fc.integer({ min: 3, max: 40 }),
    }),
    fc.constantFrom({ type: 'string', format: 'date' }, { type: 'string', format: 'date-time' }),
    fc.record({ enum: fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }) }),
  );
  const field = fc.oneof(
    leaf,
    leaf.map((items) => ({ type: 'array', items, maxItems: 3 })),
  );
  const schema = fc
    .dictionary(fc.constantFrom('sender', 'due_date', 'is_urgent', 'total', 'summary', 'x'), field)
    .map((properties) => ({
      type: 'object',
      properties,
      required: Object.keys(properties),
      additionalProperties: false,
    }));

  it.each<[string, (schema: JsonSchema, content: string) => unknown]>([
    ['the honest reader', extract],
    ['the liar', lie],
  ])('%s fits the schema', (_name, fill) => {
    fc.assert(
      fc.property(
        schema,
        fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify(SEED_MAILS))),
        (wanted, content) => {
          const check = z
            .fromJSONSchema(wanted as Parameters<typeof z.fromJSONSchema>[0])
            .safeParse(fill(wanted, content));
          expect(check.error?.issues ?? []).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads what is laid out as YAML', () => {
    const { values } = readContent('result:\n  - subject: Invoice\n    unread: true\n');
    expect(values).toEqual([{ result: [{ subject: 'Invoice', unread: true }] }]);
    expect(readContent('Note: pay {"amount": 5}').values).toEqual([{ amount: 5 }]);
  });
});
