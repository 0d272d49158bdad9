import { of, type Requirement } from './requirement.ts';

/** What is promised under `directory:`. */
export const directory: readonly Requirement[] = [
  ...of('issue 5, DESIGN §8', {
    'directory:teams':
      'Each change of teams is told of once, with whom it concerns, who made it and why, in the log too.',
    'directory:inactive': 'Who is made inactive has nothing any more, and comes back only where that is said.',
    'directory:deleted': 'What acts for somebody deleted stays dead, also when somebody of the same name comes.',
    'directory:renamed': 'What acts for a name that somebody had ends, and the new name inherits nothing older.',
    'directory:external': 'Who signs in is the person to whom their provider gave the id, whatever name it shows.',
    'directory:heir': 'Grants, codes and tokens of somebody who had a name before mean nothing for who has it now.',
    'directory:heir-browser': 'The session of a browser ends with the person who signed in there.',
    'directory:at-once': 'Changes that are made at once leave nobody in a team that they were taken out of.',
  }),
];
