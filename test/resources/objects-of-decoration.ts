import type { Case } from './case.ts';

const targets = [{ provider: 'openai', model: 'gpt-5' }];
const schema = '{"type":"object"}';

/** The cases of what a Model keeps and puts into requests. */
export const casesOfDecoration: readonly Case[] = [
  {
    name: 'answers that are kept',
    kind: 'Model',
    spec: { targets, cache: { ttl: '24h', scope: 'Team' }, promptCache: {} },
  },
  { name: 'answers kept for no time', kind: 'Model', spec: { targets, cache: {} }, errors: ['spec.cache.ttl'] },
  { name: 'answers kept for days', kind: 'Model', spec: { targets, cache: { ttl: '7d' } }, errors: ['spec.cache.ttl'] },
  {
    name: 'answers kept for a circle that is none',
    kind: 'Model',
    spec: { targets, cache: { ttl: '1h', scope: 'World' } },
    errors: ['spec.cache.scope'],
  },
  {
    name: 'texts, variables and parameters',
    kind: 'Model',
    spec: {
      targets,
      decoration: {
        prepend: ['You serve {{who}} of {{shop}}.'],
        variables: [
          { name: 'who', principal: 'User' },
          { name: 'shop', metadata: 'shop', allowed: ['a', 'b'], default: 'a' },
        ],
        defaults: { temperature: '0.2', stop: ['END'] },
        forced: { maxTokens: 100, responseFormat: { type: 'JsonSchema', schema } },
      },
    },
  },
  { name: 'nothing to put in', kind: 'Model', spec: { targets, decoration: {} } },
  {
    name: 'a variable from nowhere',
    kind: 'Model',
    spec: { targets, decoration: { variables: [{ name: 'who' }] } },
    errors: ['principal or from metadata'],
  },
  {
    name: 'a variable from two places',
    kind: 'Model',
    spec: { targets, decoration: { variables: [{ name: 'who', principal: 'User', metadata: 'who' }] } },
    errors: ['principal or from metadata'],
  },
  {
    name: 'a variable twice',
    kind: 'Model',
    spec: {
      targets,
      decoration: {
        variables: [
          { name: 'a', principal: 'User' },
          { name: 'a', metadata: 'a' },
        ],
      },
    },
    errors: ['spec.decoration.variables[1]'],
  },
  {
    name: 'a schema without its type',
    kind: 'Model',
    spec: { targets, decoration: { forced: { responseFormat: { type: 'JsonObject', schema } } } },
    errors: ['schema stands with type JsonSchema'],
  },
  {
    name: 'a type without its schema',
    kind: 'Model',
    spec: { targets, decoration: { defaults: { responseFormat: { type: 'JsonSchema' } } } },
    errors: ['schema stands with type JsonSchema'],
  },
  {
    name: 'a temperature that is no decimal',
    kind: 'Model',
    spec: { targets, decoration: { defaults: { temperature: 'warm' } } },
    errors: ['temperature'],
  },
];
