import type { Case } from './case.ts';

const tools = [{ server: 'mail', tool: 'send' }];
const quarantine = { model: 'reader', instruction: 'Who wrote it?', fields: [{ name: 'sender', type: 'String' }] };

/** The cases of ToolPolicy. */
export const casesOfToolPolicies: readonly Case[] = [
  {
    name: 'rules on calls and results',
    kind: 'ToolPolicy',
    spec: {
      tools,
      calls: [
        { name: 'own', when: 'args.to == principal.user', action: 'Allow', reason: 'own' },
        { name: 'rest', action: 'Deny', reason: 'no' },
      ],
      results: [{ name: 'read', action: 'Quarantine', quarantine }],
    },
  },
  {
    name: 'a class for a function of a client',
    kind: 'ToolPolicy',
    spec: { clientTools: [{ client: '*', tool: 'lookup' }], class: 'Read' },
  },
  {
    name: 'a policy about nothing',
    kind: 'ToolPolicy',
    spec: { calls: [{ name: 'a', action: 'Deny', reason: 'x' }] },
    errors: ['at least one of tools, clientTools and providerTools'],
  },
  { name: 'a policy that says nothing', kind: 'ToolPolicy', spec: { tools }, errors: ['must say something'] },
  {
    name: 'a class for a brokered tool',
    kind: 'ToolPolicy',
    spec: { tools, class: 'Read' },
    errors: ['class is for clientTools'],
  },
  {
    name: 'quarantine without a question',
    kind: 'ToolPolicy',
    spec: { tools, results: [{ name: 'a', action: 'Quarantine' }] },
    errors: ['quarantine must be given'],
  },
  {
    name: 'a question without quarantine',
    kind: 'ToolPolicy',
    spec: { tools, results: [{ name: 'a', action: 'Allow', quarantine }] },
    errors: ['quarantine must be given'],
  },
  {
    name: 'trust in an allowed result',
    kind: 'ToolPolicy',
    spec: { tools, results: [{ name: 'a', action: 'Allow', trust: 'Trusted' }] },
  },
  {
    name: 'trust in a quarantined answer',
    kind: 'ToolPolicy',
    spec: { tools, results: [{ name: 'a', action: 'Quarantine', trust: 'Trusted', quarantine }] },
    errors: ['trust: Trusted is for action Allow only'],
  },
  {
    name: 'an enum with values',
    kind: 'ToolPolicy',
    spec: {
      tools,
      results: [
        {
          name: 'a',
          action: 'Quarantine',
          quarantine: { ...quarantine, fields: [{ name: 'k', type: 'Enum', values: ['a'] }] },
        },
      ],
    },
  },
  {
    name: 'an enum without values',
    kind: 'ToolPolicy',
    spec: {
      tools,
      results: [
        { name: 'a', action: 'Quarantine', quarantine: { ...quarantine, fields: [{ name: 'k', type: 'Enum' }] } },
      ],
    },
    errors: ['values must be given for type Enum'],
  },
  {
    name: 'values of a number',
    kind: 'ToolPolicy',
    spec: {
      tools,
      results: [
        {
          name: 'a',
          action: 'Quarantine',
          quarantine: { ...quarantine, fields: [{ name: 'k', type: 'Number', values: ['1'] }] },
        },
      ],
    },
    errors: ['values must be given for type Enum'],
  },
  {
    name: 'a list with a bound',
    kind: 'ToolPolicy',
    spec: {
      tools,
      results: [{ name: 'a', action: 'Quarantine', quarantine: { ...quarantine, list: true, maxItems: 5 } }],
    },
  },
  {
    name: 'a bound without a list',
    kind: 'ToolPolicy',
    spec: { tools, results: [{ name: 'a', action: 'Quarantine', quarantine: { ...quarantine, maxItems: 5 } }] },
    errors: ['maxItems is for list: true and for fields with many: true only'],
  },
  {
    name: 'a rule name twice',
    kind: 'ToolPolicy',
    spec: {
      tools,
      calls: [
        { name: 'a', when: 'true', action: 'Deny', reason: 'x' },
        { name: 'a', action: 'Deny', reason: 'x' },
      ],
    },
    errors: ['spec.calls[1]'],
  },
];
