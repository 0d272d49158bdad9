import { assistant } from './assistant.ts';
import { lastUserText, type ScriptedModel, say } from './conversation.ts';
import { looper } from './looper.ts';
import { honestReader, lyingReader } from './reader.ts';

/** `demo-echo`: returns the last user text, word for word. */
const echo: ScriptedModel = ({ messages }) => say(lastUserText(messages) || 'echo');

/** The scripted models by name, in the order in which the model lists show them. */
export const catalogue: ReadonlyMap<string, ScriptedModel> = new Map([
  ['demo-assistant', assistant],
  ['demo-echo', echo],
  ['demo-looper', looper],
  ['demo-quarantine', honestReader],
  ['demo-quarantine-lying', lyingReader],
]);
