import { html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import { type Connection, Connection_State } from '@sallyport/proto/vault/v1/grants_pb';
import { page, type Viewer } from '../approve/layout.ts';

/** The page on which somebody connects a tool server; opening it changes nothing. */
export function connectPage({ server, origin, state }: Connection, scopes: readonly string[], viewer: Viewer): string {
  const connected = state === Connection_State.CONNECTED;
  return page(
    `Connect ${server}`,
    html`<h1>Connect ${visible(server)}</h1>
<p>${connected ? 'It is connected already; connecting it again replaces that.' : 'You will be sent to the authorization server that it names, and come back here.'}</p>
<dl><dt>Tool server</dt><dd>${visible(server)}</dd><dt>Your tokens are sent to</dt><dd>${visible(origin)} alone</dd>${
      scopes.length > 0 && html`<dt>It lacks</dt><dd>${visible(scopes.join(' '))}</dd>`
    }</dl>
<p>What tools of it are called for you is decided by the policies here, as before. Sallyport keeps the tokens; no application gets them.</p>
<form method="post" action="/me/connect/${encodeURIComponent(server)}">
<input type="hidden" name="csrf" value="${viewer.csrf}">
<input type="hidden" name="scopes" value="${scopes.join(' ')}">
<button class="main" type="submit">Connect ${visible(server)}</button>
</form>
<p><a href="/me">Back</a></p>`,
    viewer,
  );
}

/** Leads on to an authorization server; a form itself may lead nowhere but here. */
export function departurePage(url: string, issuer: string, viewer: Viewer): string {
  return page(
    'On the way',
    html`<h1>On the way to ${visible(issuer)}</h1>
<p><a href="${url}">Go on to ${visible(issuer)}</a></p>`,
    viewer,
    html`
<meta http-equiv="refresh" content="0; url=${url}">`,
  );
}
