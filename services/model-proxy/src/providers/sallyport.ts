import { EVERY_OPERATION, openAiAlike } from './openai-alike.ts';

/** Another Sallyport, by its OpenAI front. */
export const sallyport = openAiAlike({
  id: 'sallyport',
  baseURLExample: 'https://sallyport.example.com/v1',
  serves: EVERY_OPERATION,
  attribution: {
    headers: { user: 'sallyport-user', customer: 'sallyport-customer', tags: 'sallyport-tags' },
    tagged: ['teams', 'key'],
  },
  takes: 'all',
  cacheMarks: true,
  // Customer, user and project are asserted in it.
  differs: { attributing: ['metadata'], readsReasoning: true },
  developerRole: true,
  reasoningDetails: true,
});
