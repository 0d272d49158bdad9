import type { Case } from './case.ts';

const pick = { server: 'jira', tool: 'create_issue' };

/** The cases of Toolset. */
export const casesOfToolsets: readonly Case[] = [
  {
    name: 'a toolset',
    kind: 'Toolset',
    spec: {
      title: 'Support desk',
      instructions: 'Issues of the support desk alone.',
      tools: [
        {
          ...pick,
          as: 'report',
          description: 'Reports a problem.',
          arguments: [
            { name: 'project', fixed: 'SUP' },
            { name: 'priority', oneOf: ['low', 'high'], maxLength: 10 },
            { name: 'notify', hidden: true },
          ],
        },
        { server: 'jira', tool: 'list_*' },
      ],
    },
  },
  { name: 'a toolset of nothing', kind: 'Toolset', spec: { tools: [] }, errors: ['spec.tools'] },
  {
    name: 'a name like those of servers',
    kind: 'Toolset',
    spec: { tools: [{ ...pick, as: 'mail__send' }] },
    errors: ['spec.tools[0].as'],
  },
  {
    name: 'a pattern with a name',
    kind: 'Toolset',
    spec: { tools: [{ server: 'jira', tool: 'list_*', as: 'list' }] },
    errors: ['a pattern picks tools as they are'],
  },
  {
    name: 'an argument of which nothing is said',
    kind: 'Toolset',
    spec: { tools: [{ ...pick, arguments: [{ name: 'project' }] }] },
    errors: ['an argument must be fixed, hidden or narrowed'],
  },
  {
    name: 'an argument both fixed and narrowed',
    kind: 'Toolset',
    spec: { tools: [{ ...pick, arguments: [{ name: 'project', fixed: 'SUP', oneOf: ['SUP'] }] }] },
    errors: ['what is fixed or hidden cannot be narrowed'],
  },
  {
    name: 'an argument twice',
    kind: 'Toolset',
    spec: {
      tools: [
        {
          ...pick,
          arguments: [
            { name: 'project', fixed: 'SUP' },
            { name: 'project', hidden: true },
          ],
        },
      ],
    },
    errors: ['spec.tools[0].arguments'],
  },
];
