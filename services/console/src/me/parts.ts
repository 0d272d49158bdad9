import { type Html, html } from '@sallyport/chassis/pages/html';
import type { Viewer } from '../approve/layout.ts';

/** Makes a form of one button, with the token of the viewer's session. */
export type ActionForm = (path: string, fields: Readonly<Record<string, string>>, button: Html | string) => Html;

/** Forms of a viewer. */
export function actionForm({ csrf }: Viewer): ActionForm {
  return (path, fields, button) => {
    const hidden = Object.entries(fields).map(
      ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
    );
    return html`<form method="post" action="${path}"><input type="hidden" name="csrf" value="${csrf}">${hidden}<button type="submit">${button}</button></form>`;
  };
}

/** A part of a page with its heading; says so where its peer is away. */
export function part<T>(id: string, title: string, value: T | undefined, show: (value: T) => Html): Html {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${value === undefined ? html`<p role="status">This cannot be shown now.</p>` : show(value)}
</section>`;
}
