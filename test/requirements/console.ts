import { of, type Requirement } from './requirement.ts';

/** What is promised under `console:`. */
export const console: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8; issue 3', {
    'console:exact-numbers': 'Who approves sees numbers with all their digits, on the page and over the API.',
    'console:unauthenticated-401': 'A missing or unknown key is a 401 problem.',
    'console:identity-down-503': 'When keys cannot be checked the answer is 503, never 401.',
    'console:roles': 'Each route answers its roles only.',
    'console:member-own': 'A Member sees the runs and usage of the keys of the same owner only.',
    'console:admin-audited': 'Each change leaves durable records without secrets before its answer.',
    'console:no-audit-no-change': 'What cannot be recorded is not changed.',
    'console:idempotency-key': 'An idempotency key is bound to who sends it.',
    'console:patch-keeps-others': 'A patch of a key undoes no change that was made meanwhile.',
    'console:openapi': 'The OpenAPI document shows exactly the routes that are served.',
  }),
  ...of('DESIGN §5, §8, §10; issue 4', {
    'console:approvals-array': 'Approvals are a plain array with tool, arguments, values, reason and end.',
    'console:approvals-roles': 'An approval is seen and decided by whom it names, by Admins, and read by Auditors.',
    'console:approvals-tenant': 'An approval of another tenant is as one that is not there.',
    'console:approvals-own-key': 'The key that asked for a call cannot approve it.',
    'console:approvals-conflict': 'A second decision is a conflict, and so is one after the end.',
    'console:approvals-repeat': 'The same decision of the same person again changes nothing and is no error.',
    'console:approvals-endorse': 'Values are endorsed for 90 days at most, and only with a yes.',
    'console:break-glass': 'Admins alone break the glass, with a note that is recorded and shown.',
    'console:endorsements': 'Endorsed values are listed in full and taken back by their user or an Admin.',
    'console:approve-get-safe': 'A link to the approval page changes nothing, whatever stands in it.',
    'console:approve-csrf': "A form counts only with the session's cookie and the session's own token.",
    'console:approve-cookie': 'The session cookie is HttpOnly, SameSite=Strict and over https bound to the host.',
    'console:approve-session-ends': 'A session ends after 30 minutes and with its key, at once.',
    'console:approve-escaped': 'Nothing that is filled into the page makes markup.',
    'console:approve-visible': 'Characters that cannot be seen or look like others are shown by code point.',
    'console:approve-in-full': 'The page shows what would be executed in full, at most five asked values at once.',
    'console:approve-bounded':
      'The page of an approval is bounded, and what does not stand on one screen stands on others.',
    'console:approve-states': 'The page tells each state of an approval in words and offers no button after its end.',
    'console:approve-headers': 'The approval page is framed by nobody, loads nothing from elsewhere and is not kept.',
    'console:approve-accessible': 'The approval page has labels, names, landmarks, headings in order and contrast.',
    'console:credential-write-only': 'A credential that is put in is never shown, recorded or logged.',
    'console:credential-owner': 'Who puts a credential in is its owner, the owner of its team, or an Admin.',
  }),
  ...of('issue 5', {
    'console:team-owner':
      'Members see and end their own keys; owners of teams manage those of their teams, and nothing that says how far a key is trusted.',
    'console:person-sign-in':
      'People sign in at the identity provider of their namespace, and are led to pages of ours alone.',
    'console:login-csrf': 'A sign-in begins only from the page of the very browser, on this site.',
    'console:person-session':
      'The session of a person is asked for at each request, and stands for what they may do at that moment.',
    'console:session-fixation': 'A form counts only with the token of the session that began at the sign-in.',
    'console:sign-out': 'Signing out, or in with a key, ends the session of a person in identity and in the browser.',
    'console:own-servers': 'A person is named the tool servers that they may use, and those that they have connected.',
    'console:own-page': 'People see what acts for them on a page of their own, and nothing of others.',
    'console:own-forms':
      'What people end or put in on their own page is theirs alone, by their own form, and recorded.',
    'console:connect': 'A tool server is connected by a form, and by the answer that who began it brings back.',
  }),
];
