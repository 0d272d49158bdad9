import { createHash } from 'node:crypto';
import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible, warningsOf } from '@sallyport/chassis/pages/visible';
import { isExactNumber } from '@sallyport/peers/exact-json';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import type { Caller } from '../caller.ts';
import type { Leaf } from './leaves.ts';
import { originWords } from './words.ts';

/** One value in full: its place in the arguments, its content made visible, where it came from, and what to beware of. */
export function valueBlock(leaf: Leaf, approval: Approval, viewer: Caller): Html {
  const id = valueId(leaf.pointer);
  const text = typeof leaf.value === 'string' ? leaf.value : JSON.stringify(leaf.value);
  return html`<div class="value${leaf.asked && ' asked'}">
<h3 id="${id}">${nameOf(leaf)}</h3>
<pre class="content" role="region" aria-labelledby="${id}" tabindex="0"><bdi dir="ltr">${visible(text)}</bdi></pre>
<p>${kindOf(leaf, text)}. Where it comes from: ${originWords(leaf, approval, viewer)}.</p>
${warnings(leaf, text)}
</div>
`;
}

/** A value's place in words: the names on the way to it. */
export function nameOf({ steps }: Pick<Leaf, 'steps'>): Html {
  if (steps.length === 0) return html`<code>(all arguments)</code>`;
  return html`${steps.map((step, index) => html`${index > 0 && ' › '}<code>${visible(step)}</code>`)}`;
}

/** The id of an element about a value; pointers hold what ids must not. */
export function valueId(pointer: string): string {
  return `v-${createHash('sha256').update(pointer).digest('hex').slice(0, 12)}`;
}

function kindOf({ value }: Leaf, text: string): string {
  if (typeof value === 'string') {
    const length = [...text].length;
    return length === 0 ? 'Empty text' : `Text, ${length} character${length === 1 ? '' : 's'}`;
  }
  if (value === null) return 'Nothing (null)';
  if (isExactNumber(value)) return 'Number';
  if (typeof value === 'object') return Array.isArray(value) ? 'An empty list' : 'Empty';
  return typeof value === 'number' ? 'Number' : 'Yes or no';
}

function warnings({ looksLike, steps }: Leaf, text: string): Html {
  const all = [text, ...steps].map(warningsOf);
  const told: Html[] = [];
  if (looksLike !== '') {
    told.push(html`It only looks like “${visible(looksLike)}”, which is known in this run. It is another value.`);
  }
  if (all.some(({ unseen }) => unseen)) {
    told.push(html`Characters that cannot be seen stand in it; each is shown by its code point, such as U+200B.`);
  }
  if (all.some(({ alike }) => alike)) {
    told.push(html`Letters or signs stand in it that are drawn like others; the code point follows each of them.`);
  }
  if (all.some(({ rightToLeft }) => rightToLeft)) {
    told.push(html`Letters that are written from right to left stand in it: parts may be drawn in another order.`);
  }
  return html`${told.map(
    (warning) => html`<p class="notice"><strong>Beware:</strong> ${warning}</p>
`,
  )}`;
}
