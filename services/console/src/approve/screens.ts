import { type Html, html } from '@sallyport/chassis/pages/html';

/** Some of many, as one screen shows them; `screen`, `from` and `to` count from 1. */
export interface Screen<T> {
  readonly shown: readonly T[];
  readonly screen: number;
  readonly screens: number;
  readonly from: number;
  readonly to: number;
  readonly all: number;
}

/** Takes the wanted screen of a list, or the nearest that there is. */
export function screenOf<T>(list: readonly T[], size: number, wanted: number): Screen<T> {
  const screens = Math.max(1, Math.ceil(list.length / size));
  const screen = Math.min(Math.max(1, wanted), screens);
  const before = (screen - 1) * size;
  const shown = list.slice(before, before + size);
  return { shown, screen, screens, from: before + 1, to: before + shown.length, all: list.length };
}

/** Links to the screens before and after; nothing where there is one only. */
export function screenLinks(
  { screen, screens, from, to, all }: Screen<unknown>,
  name: string,
  pathTo: (screen: number) => string,
  hint: string,
): Html | '' {
  if (screens === 1) return '';
  const link = (to: number, words: string) => html`<a href="${pathTo(to)}">${words}</a> `;
  return html`<nav aria-label="${name}">
<p>Values ${from} to ${to} of ${all}. ${screen < screens && hint}</p>
<p>${screen > 1 && link(screen - 1, 'Previous values')}${screen < screens && link(screen + 1, 'Next values')}</p>
</nav>`;
}
