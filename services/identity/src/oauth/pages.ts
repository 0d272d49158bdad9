import { type Html, html } from '@sallyport/chassis/pages/html';
import { pageOf } from '@sallyport/chassis/pages/page';
import { visible } from '@sallyport/chassis/pages/visible';
import { meaningOf } from './vocabulary.ts';

/** Path of the style sheet of these pages. */
export const STYLE_PATH = '/oauth/style.css';

/** An application as the person who is asked sees it. */
export interface ShownClient {
  readonly name: string;
  /** Nobody of this installation declared it: its name is what it says of itself. */
  readonly unverified: boolean;
  /** Where people are sent back to: a host, or an application on this computer. */
  readonly returnsTo: string;
}

/** How somebody may sign in. */
export interface SignInChoices {
  readonly providers: readonly { readonly name: string; readonly path: string }[];
  /** Path of the form for a Sallyport key; absent: not offered. */
  readonly keyPath: string | undefined;
}

/** The page on which people choose how to sign in. */
export function signInPage(client: ShownClient, choices: SignInChoices, csrf: string, problem = ''): string {
  const { providers, keyPath } = choices;
  const links = providers.map(({ name, path }) => html`<li><a href="${path}">Sign in with ${visible(name)}</a></li>`);
  return page(
    'Sign in',
    html`<h1>Sign in to go on to ${visible(client.name)}</h1>
${problem !== '' && html`<p class="notice" role="alert" id="problem">${problem}</p>`}
${providers.length > 0 && html`<ul>${links}</ul>`}
${keyPath !== undefined && keyForm(keyPath, csrf, problem !== '')}
${providers.length === 0 && keyPath === undefined && html`<p role="status">Nobody can sign in here: no IdentityProvider of this namespace has a client.</p>`}`,
  );
}

function keyForm(path: string, csrf: string, wrong: boolean): Html {
  const described = wrong ? html` aria-describedby="problem" aria-invalid="true"` : '';
  return html`<form method="post" action="${path}">
<input type="hidden" name="csrf" value="${csrf}">
<div class="field">
<label for="key">Your Sallyport key</label>
<input id="key" name="key" type="password" autocomplete="off" autocapitalize="none" spellcheck="false" required${described}>
</div>
<p>The key is checked and forgotten.</p>
<button class="main" type="submit">Sign in</button>
</form>`;
}

/** What somebody is asked to let an application do. */
export interface Request {
  readonly client: ShownClient;
  readonly user: string;
  readonly tenant: string;
  /** Resources with the scopes that are asked for at each. */
  readonly resources: readonly { readonly resource: string; readonly scopes: readonly string[] }[];
  /** Whether it may go on while the person is away. */
  readonly lasting: boolean;
  /** Words for a scope beside its meaning, such as the class of a tool; '' for none. */
  readonly remark: (scope: string) => string;
}

/** The page on which somebody allows or denies. */
export function consentPage(request: Request, path: string, csrf: string): string {
  const { client, user, tenant, resources, lasting, remark } = request;
  const scopes = resources.map(
    ({ resource, scopes: asked }) => html`<h2>At ${visible(resource)}</h2>
<ul>${asked.map((scope) => html`<li><strong><code>${visible(scope)}</code></strong>: ${meaningOf(scope)}${remarkOf(remark(scope))}</li>`)}</ul>`,
  );
  const warning =
    client.unverified &&
    html`<p class="notice"><strong>Unverified application.</strong> It registered itself: the name is what it says of itself. Allow it only if you have just started it, and if you trust where it sends you back to.</p>`;
  return page(
    'Allow access',
    html`<h1>Allow ${visible(client.name)} to act for you?</h1>
${warning}
<dl>
<dt>Application</dt><dd>${visible(client.name)}${client.unverified && ' (unverified)'}</dd>
<dt>Sends you back to</dt><dd><code>${visible(client.returnsTo)}</code></dd>
<dt>You are</dt><dd>${visible(user)} (namespace ${visible(tenant)})</dd>
</dl>
<h2>What it asks for</h2>
<p>Never more than you may do yourself. Policies hold for it as they do for you.</p>
${scopes}
${lasting && html`<p>It may go on while you are away, until you take this back on your page at /me or do not use it for two weeks.</p>`}
<form method="post" action="${path}">
<input type="hidden" name="csrf" value="${csrf}">
<button type="submit" name="decision" value="allow" class="main">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>
</form>`,
  );
}

/** Leads on to a page of this site: asked for from here, a browser brings the cookies that it holds back from elsewhere. */
export function arrivedPage(path: string): string {
  return pageOf({
    title: 'Signed in',
    stylesheet: STYLE_PATH,
    body: html`<h1>You are signed in</h1>
<p><a href="${path}">Go on</a></p>`,
    head: html`
<meta http-equiv="refresh" content="0; url=${path}">`,
  });
}

/** A page that says one thing. */
export function noticePage(title: string, text: string): string {
  return page(
    title,
    html`<h1>${title}</h1>
<p role="status">${text}</p>`,
  );
}

function remarkOf(text: string): Html | '' {
  return text === '' ? '' : html` <em>${text}</em>`;
}

function page(title: string, body: Html): string {
  return pageOf({ title, stylesheet: STYLE_PATH, body });
}
