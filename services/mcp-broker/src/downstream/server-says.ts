import type { Toolset } from '../catalog/toolset.ts';
import type { Revision } from '../protocol.ts';

const INFO = { name: 'sallyport', title: 'Sallyport', version: '0.1.0' };
/** A toolset is a list of tools: what servers have besides is at `/mcp`. */
const OF_TOOLSET = { tools: { listChanged: true } };
const OF_ALL = {
  ...OF_TOOLSET,
  resources: { listChanged: true, subscribe: true },
  prompts: { listChanged: true },
  completions: {},
};

/** What the gate says of itself, or of a toolset. */
export function infoOf(toolset: Toolset | undefined) {
  return toolset === undefined ? INFO : { ...INFO, title: toolset.spec.title ?? toolset.name };
}

/** How clients are told to use a toolset. */
export function instructionsOf(toolset: Toolset | undefined) {
  return toolset?.spec.instructions === undefined ? {} : { instructions: toolset.spec.instructions };
}

/** What the gate can do on a revision. It is the same for everybody: who has no prompts has an empty list of them. */
export function capabilitiesOf(toolset: Toolset | undefined, revision: Revision) {
  const capabilities = toolset === undefined ? OF_ALL : OF_TOOLSET;
  return revision.era === 'legacy' ? { ...capabilities, logging: {} } : capabilities;
}
