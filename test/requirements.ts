/** One behaviour that we promise. */
export interface Requirement {
  /** `<area>:<name>`, cited in square brackets by the tests that hold it. */
  readonly id: string;
  /** What holds, in one sentence. */
  readonly behaviour: string;
  /** Where it comes from: a section of the design, an issue, an RFC, a revision of MCP. */
  readonly source: string;
}

const of = (source: string, behaviours: Readonly<Record<string, string>>): Requirement[] =>
  Object.entries(behaviours).map(([id, behaviour]) => ({ id, behaviour, source }));

/** Everything we promise. `test/architecture` compares it with what tests cite, both ways. */
export const requirements: readonly Requirement[] = [
  ...of('the house', {
    'house:imports': 'Imports go in the agreed directions.',
    'house:saw-files': 'The checks of the tree see its files.',
    'house:top-level': 'The top level holds what was agreed and nothing else.',
    'house:file-size': 'No file of ours has more than 600 lines.',
    'house:names': 'No file is named for nothing.',
    'house:no-environment': 'Only config files read the environment.',
    'house:no-module-mocks': 'No test mocks a module.',
    'house:five-files': 'Every deployable has a main and a config, and no library has a main.',
    'house:stages': 'The stages of a turn stand in files of their names.',
    'house:no-hosts': 'Nothing names a registry host or a machine path.',
    'house:requirements': 'Requirements and tests agree, both ways.',
  }),
];
