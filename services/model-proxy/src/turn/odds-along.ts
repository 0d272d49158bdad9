import type { ChosenOdds } from '../chat/odds.ts';

/**
 * Odds of tokens beside text that is looked at before it is shown. Tokens spell what the model wrote: they go along only
 * behind text that was shown as it was written, and none any more once something was filled in or made inert.
 */
export class OddsAlong {
  readonly #waiting: { readonly upTo: number; readonly odds: readonly ChosenOdds[] }[] = [];
  #written = '';
  #shown = 0;
  #over = false;

  /** A piece of text as the model wrote it; call for each, in order. */
  wrote(text: string, odds: readonly ChosenOdds[] | undefined): void {
    if (this.#over) return;
    this.#written += text;
    if (odds !== undefined) this.#waiting.push({ upTo: this.#shown + this.#written.length, odds });
  }

  /** A piece of it as it is shown; gives the odds that may stand beside it. */
  shows(text: string): readonly ChosenOdds[] | undefined {
    if (this.#over) return undefined;
    if (!this.#written.startsWith(text)) {
      this.#over = true;
      this.#waiting.length = 0;
      this.#written = '';
      return undefined;
    }
    this.#written = this.#written.slice(text.length);
    this.#shown += text.length;
    const told: ChosenOdds[] = [];
    while (this.#waiting[0] !== undefined && this.#waiting[0].upTo <= this.#shown) {
      for (const one of this.#waiting.shift()?.odds ?? []) told.push(one);
    }
    return told.length === 0 ? undefined : told;
  }
}
