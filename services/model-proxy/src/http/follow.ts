import type { JsonObject } from '../chat/message.ts';
import { endOf, type Told } from '../responses/live-events.ts';
import { isRunning } from '../responses/prepare.ts';
import { replayed } from '../responses/replay.ts';
import type { ClientAnswer } from './client-answer.ts';

/** A response that is made in the background as it stands; `events` gives what was told of it behind the event of a number. */
export interface Standing {
  readonly response: JsonObject;
  readonly events: ((after: number) => Told) | undefined;
}

/**
 * Tells a client the events of a response behind one that it had, as they come, to the end. `read` gives the response as it
 * stands, undefined where it is gone; `rest` resolves when it is worth reading again. One of which no events are kept is told
 * whole once it is over.
 */
export async function follow(
  answer: Pick<ClientAnswer, 'frames' | 'end' | 'gone'>,
  startingAfter: number,
  read: () => Promise<Standing | undefined>,
  rest: () => Promise<unknown>,
): Promise<void> {
  let had = startingAfter;
  while (!answer.gone()) {
    const standing = await read();
    if (standing === undefined) break;
    const { response, events } = standing;
    const isOver = !isRunning(response);
    if (isOver && events === undefined) {
      answer.end(replayed(response, had));
      return;
    }
    const { frames, last, ends } = events?.(had) ?? { frames: '', last: had, ends: false };
    if (isOver) {
      answer.end(ends ? frames : frames + endOf(response, last));
      return;
    }
    if (frames !== '') await answer.frames(frames);
    had = last;
    await rest();
  }
  if (!answer.gone()) answer.end();
}
