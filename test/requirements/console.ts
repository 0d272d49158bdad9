import { of, type Requirement } from './requirement.ts';

/** What is promised under `console:`. */
export const console: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8; issue 3', {
    'console:unauthenticated-401': 'A missing or unknown key is a 401 problem.',
    'console:identity-down-503': 'When keys cannot be checked the answer is 503, never 401.',
    'console:roles': 'Each route answers its roles only.',
    'console:member-own': 'A Member sees their own runs and usage only.',
    'console:admin-audited': 'Each change leaves durable records without secrets before its answer.',
    'console:no-audit-no-change': 'What cannot be recorded is not changed.',
    'console:idempotency-key': 'An idempotency key is bound to who sends it.',
    'console:patch-keeps-others': 'A patch of a key undoes no change that was made meanwhile.',
    'console:openapi': 'The OpenAPI document shows exactly the routes that are served.',
  }),
];
