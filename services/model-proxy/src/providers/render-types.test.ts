import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { providerBaseUrl } from '@sallyport/custom-resources/model-provider';
import { baseUrlExamples, providerTypes, vendorBaseUrls } from '@sallyport/custom-resources/provider-types';
import { providers } from './index.ts';
import { renderProviderTypes, TYPES_FILE } from './render-types.ts';

describe('the types of providers that a resource may say', () => {
  it('[providers:generated] are those declared, as `make generate` writes them', () => {
    const checkedIn = readFileSync(new URL(`../../../../${TYPES_FILE}`, import.meta.url), 'utf8');
    expect(checkedIn).toBe(renderProviderTypes());
    expect(providerTypes).toEqual(providers.map(({ id }) => id));
  });

  it('[providers:generated] have the base URL of their vendor, or an example of what the resource must say', () => {
    for (const { id, baseURL } of providers) {
      const type = id as (typeof providerTypes)[number];
      if (baseURL !== undefined) expect(providerBaseUrl({ type } as never)).toBe(baseURL);
      expect(vendorBaseUrls[type] !== undefined && baseUrlExamples[type] !== undefined).toBe(false);
    }
  });
});
