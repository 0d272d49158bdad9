import type { JsonObject } from '../chat/message.ts';
import type { Turn } from './turn.ts';

/** Puts another body in the place of the client's. What Gemini's path says stays beside it and never goes into its bytes. */
export function rewriteBody(turn: Turn, body: JsonObject): void {
  if (turn.dialect === 'gemini') {
    const { model: _model, stream: _stream, ...said } = body;
    const { model, stream } = turn.body;
    turn.body = { ...said, model, stream };
    turn.bytes = Buffer.from(JSON.stringify(said));
    return;
  }
  turn.body = body;
  turn.bytes = Buffer.from(JSON.stringify(body));
}
