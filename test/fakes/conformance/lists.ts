import { askingTools } from './asking-tools.ts';
import { dynamicPrompt, type FixturePrompt, prompts } from './contents.ts';
import { dynamicTool, type FixtureTool, plainTools } from './tools.ts';

/** What the fixture offers now, in both lines of MCP. */
export interface Lists {
  tools(): readonly FixtureTool[];
  prompts(): readonly FixturePrompt[];
  /** Adds what comes and goes, or takes it away; tells who watches. */
  toggle(list: 'tools' | 'prompts'): void;
  /** Calls back with each change until it is ended by what it answers. */
  watch(changed: (list: 'tools' | 'prompts') => void): () => void;
}

/** Makes the lists of one fixture. */
export function createLists(): Lists {
  const there = { tools: false, prompts: false };
  const watching = new Set<(list: 'tools' | 'prompts') => void>();
  return {
    tools: () => [...plainTools, ...askingTools, ...(there.tools ? [dynamicTool] : [])],
    prompts: () => [...prompts, ...(there.prompts ? [dynamicPrompt] : [])],
    toggle(list) {
      there[list] = !there[list];
      for (const changed of watching) changed(list);
    },
    watch(changed) {
      watching.add(changed);
      return () => void watching.delete(changed);
    },
  };
}

/** A tool as it is listed. */
export const listed = ({ name, description, inputSchema = { type: 'object' } }: FixtureTool) => ({
  name,
  description,
  inputSchema: inputSchema as { type: 'object' },
});

/** A prompt as it is listed. */
export const listedPrompt = ({ name, description, arguments: taken }: FixturePrompt) => ({
  name,
  description,
  ...(taken === undefined ? {} : { arguments: [...taken] }),
});
