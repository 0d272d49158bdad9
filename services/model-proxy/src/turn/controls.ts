import { bodyControls } from '../cache/controls.ts';
import { without } from '../wire/forward.ts';
import { rewriteBody } from './rewrite.ts';
import type { Turn } from './turn.ts';

/** Takes LiteLLM's `cache` out of the body, whether or not the Model keeps answers: no provider knows the field. */
export function takeControls(turn: Turn): void {
  if (turn.body.cache === undefined) return;
  const controls = bodyControls(turn.body);
  if (controls === undefined) return;
  turn.bodyControls = controls;
  rewriteBody(turn, without(turn.body, ['cache']));
}
