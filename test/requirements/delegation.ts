import { of, type Requirement } from './requirement.ts';

/** What is promised under `delegation:`. */
export const delegation: readonly Requirement[] = [
  ...of('issue 5', {
    'delegation:refused':
      "A refused exchange gives no token: not the caller's, not another person's, not one of a service.",
    'delegation:guards': 'Each guard of a delegation holds off something that without it would be taken.',
    'delegation:token-exchange': 'RFC 8693: the subject is a token of ours for the security token service alone.',
    'delegation:entra': "Entra ID's on-behalf-of flow, against a fake of its wire.",
    'delegation:identity-assertion': 'ID-JAG: each of the two servers sees its own part only.',
    'delegation:cache':
      'A token is used for one person, one chain of who acts, one tool server and host, until it ends.',
    'delegation:subject':
      'Our issuer vouches for people who are there, with who acts for them, to one audience elsewhere, for a minute.',
    'delegation:keep-grant':
      'Sign-ins are kept where the resource of their provider says so, for its issuer, and no longer.',
    'delegation:listing':
      'Tools of a server that is called in the name of people are listed in the name of who came last.',
    'delegation:budget':
      'A tool server that refuses every token has us ask for new ones now and then, and not for each of its answers.',
    'delegation:sign-in-link': 'Who can help by signing in anew is told where.',
    'delegation:wire': 'From /mcp through vault to three kinds of servers, a person is called for by three ways.',
    'delegation:no-fallback': 'Where an exchange is refused no tool is called, over the whole way from /mcp on.',
    'delegation:killed':
      'Vault and identity killed at any moment lose no sign-in, person or key, and give nobody the token of another.',
    'delegation:no-passthrough':
      'No byte of what a caller presented goes out; other tokens go where they belong alone.',
    'delegation:revoked':
      'What was had in the name of somebody leaves memory with the notice that they, or who acts for them, have ended.',
    'delegation:refresh':
      'A kept sign-in is refreshed at its provider; one that the provider ended is no more, and says so.',
    'delegation:keep-sign-in':
      'A sign-in is kept sealed for its person at its issuer, and found for nobody and nothing else.',
    'delegation:renewed':
      'What a provider renews is of the same person, and is renewed again when the first of its tokens ends.',
    'delegation:challenge':
      'What a provider wants a person to be asked for before it gives a token goes into their next sign-in there.',
    'delegation:vouched': 'A kept sign-in stands for nobody whom identity does not vouch for at that moment.',
    'delegation:forget': 'People see which sign-ins of theirs are kept, and have them forgotten.',
    'delegation:bounds':
      'Token endpoints are asked within bounds of size and address, and redirects are followed nowhere.',
    'delegation:unkept': 'Where sign-ins are not to be kept any more, none that was kept stays.',
    'delegation:recorded': 'Who asked for a token in whose name, for what and by which way, is recorded by reference.',
  }),
];
