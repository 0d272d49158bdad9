import { type Html, html } from '@sallyport/chassis/pages/html';
import { pageOf } from '@sallyport/chassis/pages/page';
import { visible } from '@sallyport/chassis/pages/visible';
import { personOf } from '../approval-view.ts';
import type { Caller } from '../caller.ts';
import type { Providers } from './person-sessions.ts';

/** Who looks at a page, and the token of their forms. */
export interface Viewer {
  readonly caller: Caller;
  readonly csrf: string;
}

/** A whole page. `title` is text; the page's only h1 stands in `body`. */
export function page(title: string, body: Html, viewer?: Viewer, head: Html | '' = ''): string {
  return pageOf({
    title,
    stylesheet: '/approve/style.css',
    navigation: {
      label: 'Sallyport',
      links: html`<a href="/approve">Sallyport approvals</a> <a href="/me">Your page</a>`,
    },
    account: viewer === undefined ? undefined : signedIn(viewer),
    body,
    footer: html`<p>A link to this page lets nobody decide: it names an approval, and only who is signed in can answer it.</p>`,
    head: head === '' ? undefined : head,
  });
}

function signedIn({ caller, csrf }: Viewer): Html {
  const { principal, role } = caller;
  return html`<form method="post" action="/approve/sign-out">
<input type="hidden" name="csrf" value="${csrf}">
Signed in as ${visible(personOf(principal))} (${role}, tenant ${visible(principal.tenant)})
<button type="submit">Sign out</button>
</form>`;
}

/** A page that says one thing: an error, or that something has ended. */
export function noticePage(title: string, text: string, viewer?: Viewer): string {
  return page(
    title,
    html`<h1>${title}</h1>
<p role="status">${text}</p>
<p><a href="/approve">To what waits for you</a></p>`,
    viewer,
  );
}

/** What the page to sign in shows. */
export interface SignInChoices {
  readonly csrf: string;
  /** Path of the page to go on to, with its query. */
  readonly next: string;
  readonly problem?: string;
  readonly providers: Providers;
  /** Where people reach the gateway, before paths; providers send them back there, whatever host this page was asked of. */
  readonly base: string;
}

/** The page to sign in: at the identity providers of the tenant, or with a key. */
export function signInPage({ csrf, next, problem = '', providers, base }: SignInChoices): string {
  const told = problem !== '' && html`<p class="notice" role="alert" id="problem">${problem}</p>`;
  const described = problem === '' ? '' : html` aria-describedby="problem" aria-invalid="true"`;
  // A form that asks for a page drops the query of its address.
  const [path = '', query = ''] = next.split('?', 2);
  const links = providers.names.map((name) => {
    const asked = new URLSearchParams({ tenant: providers.tenant, next });
    return html`<li><a href="${base}/approve/sign-in/${encodeURIComponent(name)}?${asked.toString()}">Sign in with ${visible(name)}</a></li>`;
  });
  return page(
    'Sign in',
    html`<h1>Sign in</h1>
${told}
${
  links.length > 0 &&
  html`<h2>With your organisation</h2>
<p>For the namespace ${visible(providers.tenant)}.</p>
<ul>${links}</ul>
<h2>With a key</h2>`
}
<form method="post" action="/approve/sign-in">
<input type="hidden" name="csrf" value="${csrf}">
<input type="hidden" name="next" value="${next}">
<div class="field">
<label for="key">Your Sallyport key</label>
<input id="key" name="key" type="password" autocomplete="off" autocapitalize="none" spellcheck="false" required${described}>
</div>
<p>The key is checked and forgotten. The session lasts 30 minutes, and ends at once when the key is changed or revoked.</p>
<button class="main" type="submit">Sign in</button>
</form>
<h2>For another namespace</h2>
<form method="get" action="${path}">${[...new URLSearchParams(query)].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<div class="field">
<label for="tenant">Namespace</label>
<input id="tenant" name="tenant" value="${providers.tenant}" autocomplete="off" autocapitalize="none" spellcheck="false" pattern="[a-z0-9]([\\-a-z0-9]*[a-z0-9])?" maxlength="63" required>
</div>
<button type="submit">Show where its people sign in</button>
</form>`,
  );
}

/**
 * Sent to a browser that comes from another site: it holds its session back on such a request (SameSite=Strict), and
 * sends it when it comes again from here.
 */
export function arrivalPage(path: string): string {
  return page(
    'One moment',
    html`<h1>One moment</h1>
<p><a href="${path}">Go on</a></p>`,
    undefined,
    html`
<meta http-equiv="refresh" content="0; url=${path}">`,
  );
}
