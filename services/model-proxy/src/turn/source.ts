import type { Target } from '../catalog.ts';
import type { TurnTool } from './turn.ts';

/** Names a tool as a source in labels, in policy's words: `tool:<server or client>/<tool>`. */
export function sourceOf(tool: TurnTool | string): string {
  return `tool:${originName(tool)}`;
}

/**
 * Names a tool as the origin of a value, as rules do: `<server or client>/<tool>`. Of a tool that this request does not
 * offer only the name is known that a model saw (`<server>__<tool>`).
 */
export function originName(tool: TurnTool | string): string {
  if (typeof tool === 'string') return tool.replace('__', '/');
  return `${tool.ref.server || tool.ref.owner}/${tool.ref.name}`;
}

/** Names a model as the source of what it found by itself: what it answers is then of nobody that is known (DESIGN section 5). */
export function modelSource({ provider, model }: Target): string {
  return `model:${provider.name}/${model}`;
}
