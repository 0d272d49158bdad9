import { type Html, html } from './html.ts';

/** Headers of every page: nothing is loaded from elsewhere, nobody frames it, nothing of it is kept. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** What a page is made of. */
export interface PageParts {
  /** Text of the title. */
  readonly title: string;
  /** Path of the style sheet. */
  readonly stylesheet: string;
  /** Links that lead to the other pages of the same part, with what they are called together. */
  readonly navigation?: { readonly label: string; readonly links: Html };
  /** Who is signed in, and the form that ends it. */
  readonly account?: Html | undefined;
  /** The content with the page's only h1. */
  readonly body: Html;
  readonly footer?: Html | undefined;
  /** Further elements of the head. */
  readonly head?: Html | undefined;
}

/** A whole page, readable without its style sheet and usable without scripts. */
export function pageOf({ title, stylesheet, navigation, account, body, footer, head }: PageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} – Sallyport</title>
<link rel="stylesheet" href="${stylesheet}">${head}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
${navigation && html`<nav aria-label="${navigation.label}">${navigation.links}</nav>`}
${account}
</header>
<main id="main">
${body}
</main>
${footer && html`<footer>${footer}</footer>`}
</body>
</html>
`.markup;
}
