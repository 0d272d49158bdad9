import { of, type Requirement } from './requirement.ts';

/** What is promised under `fault:`. */
export const fault: readonly Requirement[] = [
  ...of('issue 6, faults of the model plane', {
    'fault:bomb': 'A body that unpacks without end is stopped at the limit, from a client as from a provider.',
    'fault:drip': 'A stream that comes byte by byte is told whole.',
    'fault:large': 'A prompt of ten megabytes arrives whole, and one beyond the limit is refused.',
    'fault:streams': 'A thousand open streams take bounded memory, and all come to their end.',
  }),
  ...of('issue 3, bad input', {
    'fault:provider': 'A provider that misbehaves ends in a clean error, and the process lives.',
    'fault:recorded': 'What a provider did wrong is in the record.',
  }),
  ...of('DESIGN §7', {
    'fault:audit-hangs': 'Model calls do not wait for it.',
    'fault:audit-killed': 'Model calls go on; each is recorded once in the end, those answered just before too.',
    'fault:audit-spool': 'Tool calls go on while their intents fit into the spool, and are refused when it is full.',
    'fault:broker-killed':
      'A tool call whose broker dies is made once, what became of it is not guessed, and models without tools go on.',
    'fault:client-gone': 'The request upstream is aborted and the call is recorded with its usage (each).',
    'fault:identity-hangs': 'Who is known is served within the time of one question, who is not gets 503.',
    'fault:identity-vault-killed': 'What is cached serves for ten seconds, then 503 and never 401.',
    'fault:operator-killed': 'The last snapshot serves, also a service that starts from it, without side effects.',
    'fault:policy-hangs': 'Model calls without tools do not wait for it, tool calls are refused in bounded time.',
    'fault:policy-killed':
      'Tool calls are refused, model calls without tools go on for a while; all is well when it is back.',
    'fault:postgres-connections': 'Every connection cut at once: nothing is lost and nothing has to be restarted.',
    'fault:postgres-hangs': 'Model calls go on, their records come later, and all recover without a restart.',
    'fault:proxy-drain': 'Told to stop it ends open streams in peace and records them.',
    'fault:proxy-killed': 'A client of an open stream sees that it broke; the next replica serves.',
    'fault:proxy-killed-tool':
      'The intent of a call that was under way has the outcome unknown, and nothing is done twice.',
    'fault:quarantine-killed': 'A result that must be read in quarantine is withheld, never shown.',
  }),
];
