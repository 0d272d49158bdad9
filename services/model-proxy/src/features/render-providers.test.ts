import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { providers } from '../providers/index.ts';
import { providersTable, withProviders } from './render-providers.ts';

it('[providers:generated] the README names every type, as `make generate` writes it', () => {
  const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
  expect(withProviders(readme, providersTable())).toBe(readme);
  for (const { id } of providers) expect(providersTable()).toContain(`\`${id}\``);
});
