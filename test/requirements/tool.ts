import { of, type Requirement } from './requirement.ts';

/** What is promised of the tool plane as a whole, under `tool:`. */
export const tool: readonly Requirement[] = [
  ...of('issue 7; DESIGN §3, §7, §8', {
    'tool:concurrency': 'No more calls at once than declared; others wait, and not too many.',
    'tool:retry': 'A call is made again only where that is declared and the server failed.',
    'tool:stand-in':
      'Where a server is down, the tool of another that is declared answers, decided and recorded as that one.',
    'tool:stand-in-decided': 'None answers in the place of another that its caller may not call.',
    'tool:stand-in-once':
      'None answers in the place of a call that may have been made, but of one that may be made twice.',
    'tool:stand-in-asks': 'What answers in the place of another asks its caller nothing.',
    'tool:stand-in-loops': 'Nothing answers in the place of what answers in the place of another.',
    'tool:stand-in-fits':
      'What answers for another is of no higher class and takes the same arguments; the status says where not.',
    'tool:once':
      'A call that is sent again under its key is answered as the first time and not made again, by any replica.',
    'tool:once-own': 'A key of a call is of a principal and the chain that acts for it.',
    'tool:once-bounded': 'A principal holds a bounded number of keys of calls; beyond it no call is made.',
    'tool:isolation': 'Callers who use the same request ids at once get their own answers, on both lines of MCP.',
    'tool:isolation-series': 'That holds through two brokers in series.',
    'tool:isolation-slow': 'That holds for clients that write one byte at a time.',
    'tool:list-waits-for-none': 'No list waits for a server that hangs.',
    'tool:real-servers': 'Tool servers from npm and PyPI work behind the gate as they are.',
    'tool:real-clients': 'Official clients of both lines, in TypeScript and Python, and the inspector work unchanged.',
    'tool:header-marks': 'A tool whose marks for headers cannot be followed is left out, and no other of its server.',
    'tool:killed-broker': 'When a broker is killed in a call nothing runs twice, and sessions go on at another.',
  }),
];
