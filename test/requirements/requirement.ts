/** One behaviour that we promise. */
export interface Requirement {
  /** `<area>:<name>`, cited in square brackets by the tests that hold it. */
  readonly id: string;
  /** What holds, in one sentence. */
  readonly behaviour: string;
  /** Where it comes from: a section of the design, an issue, an RFC, a revision of MCP. */
  readonly source: string;
}

/** The requirements of one source, given as sentences by id. */
export function of(source: string, behaviours: Readonly<Record<string, string>>): Requirement[] {
  return Object.entries(behaviours).map(([id, behaviour]) => ({ id, behaviour, source }));
}
