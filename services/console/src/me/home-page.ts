import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import type { Key } from '@sallyport/proto/identity/v1/identity_pb';
import type { Consent, Session } from '@sallyport/proto/identity/v1/sessions_pb';
import { type Connection, Connection_State } from '@sallyport/proto/vault/v1/grants_pb';
import { page, type Viewer } from '../approve/layout.ts';
import { instant } from '../approve/words.ts';
import { credentialsPart } from './credentials-part.ts';
import type { OwnThings } from './own-things.ts';
import { type ActionForm, actionForm, part } from './parts.ts';

/** What was just done, by the word in the address. */
const DONE: Readonly<Record<string, string>> = {
  withdrawn: 'The application can do nothing more for you.',
  revoked: 'The key is revoked.',
  ended: 'The session has ended.',
  connected: 'The tool server is connected.',
  disconnected: 'The tool server is disconnected.',
  forgotten: 'The sign-in is not kept any more.',
  put: 'The credential is kept. It is never shown again.',
  removed: 'The credential is gone.',
};

/** A person's own page. */
export function homePage(things: OwnThings, viewer: Viewer, done: string): string {
  const { user } = viewer.caller.principal;
  const said = DONE[done];
  const form = actionForm(viewer);
  const body = html`<h1>What is yours</h1>
${said !== undefined && html`<p role="status" class="notice">${said}</p>`}
${part('waiting', 'What waits for you', things.waiting, (all) =>
  all.length === 0
    ? html`<p>Nothing waits for you.</p>`
    : html`<p><a href="/approve">${all.length === 1 ? 'One approval waits' : `${all.length} approvals wait`} for you</a></p>`,
)}
${part('applications', 'Applications that act for you', things.consents, (all) =>
  listOf(all, 'No application acts for you.', (consent) => consentItem(consent, form)),
)}
${part('connections', 'Tool servers that act with your accounts', things.connections, (all) =>
  listOf(all, 'No tool server asks for an account of yours.', (connection) => connectionItem(connection, form)),
)}
${
  (things.signIns ?? []).length > 0 &&
  part('sign-ins', 'Sign-ins that tool servers are called with', things.signIns, (all) =>
    listOf(all, '', (signIn) => signInItem(signIn, form)),
  )
}
${credentialsPart(things, form)}
${part('keys', 'Your keys', things.keys, (all) => listOf(all, 'You have no keys.', (key) => keyItem(key, form)))}
${part('sessions', 'Where you are signed in', things.sessions, (all) =>
  listOf(all, 'You are signed in with a key only.', (session) => sessionItem(session, viewer, form)),
)}`;
  return page(`What is yours: ${user}`, body, viewer);
}

/** The page of somebody whose key acts for nobody. */
export function nobodyPage(viewer: Viewer): string {
  return page(
    'Nobody in person',
    html`<h1>Nobody in person</h1>
<p role="status">The key that you signed in with acts for no person, so there is nothing of yours to see. Sign out, and sign in with your organisation or with a key of your own.</p>
<p><a href="/approve">To what waits for an answer</a></p>`,
    viewer,
  );
}

function listOf<T>(all: readonly T[], none: string, item: (one: T) => Html): Html {
  return all.length === 0 ? html`<p>${none}</p>` : html`<ul>${all.map((one) => html`<li>${item(one)}</li>\n`)}</ul>`;
}

function consentItem({ client, name, unverified, scopes, sinceMs, usedAtMs }: Consent, form: ActionForm): Html {
  const used = usedAtMs > 0 ? html`, last used ${instant(usedAtMs)}` : '';
  return html`<h3>${visible(name)}${unverified && ' (unverified)'}</h3>
<p>May: ${scopes.map((scope) => html`<code>${visible(scope)}</code> `)}<br>Since ${instant(sinceMs)}${used}</p>
${form('/me/applications/withdraw', { client }, html`Take back from ${visible(name)}`)}`;
}

function connectionItem({ server, origin, state, issuer, scopes, usedAtMs }: Connection, form: ActionForm): Html {
  const connected = state === Connection_State.CONNECTED;
  const at = `/me/connect/${encodeURIComponent(server)}`;
  const stands = connected
    ? html`<p>Connected at ${visible(issuer)}${scopes.length > 0 && html` for ${visible(scopes.join(' '))}`}${usedAtMs > 0 && html`, last used ${instant(usedAtMs)}`}.</p>
${form('/me/connections/disconnect', { server }, html`Disconnect ${visible(server)}`)}`
    : html`<p>${state === Connection_State.ENDED ? 'It has to be connected anew.' : 'Not connected.'} <a href="${at}">Connect ${visible(server)}</a></p>`;
  return html`<h3>${visible(server)}</h3>
<p>At ${visible(origin)}</p>
${stands}`;
}

function signInItem({ server: provider, issuer, connectedAtMs, usedAtMs }: Connection, form: ActionForm): Html {
  const used = usedAtMs > 0 ? html`, last used ${instant(usedAtMs)}` : '';
  return html`<h3>${visible(provider)}</h3>
<p>At ${visible(issuer)}, kept since ${instant(connectedAtMs)}${used}. Your next sign-in there is kept again.</p>
${form('/me/sign-ins/forget', { provider }, html`Forget the sign-in at ${visible(provider)}`)}`;
}

function keyItem({ id, spec, prefix, state, resourceUid, lastUsedAtMs }: Key, form: ActionForm): Html {
  const name = spec?.name ?? id;
  const used = lastUsedAtMs > 0 ? html`, last used ${instant(lastUsedAtMs)}` : '';
  const over = state === 'revoked';
  return html`<h3>${visible(name)}</h3>
<p><code>${visible(prefix)}…</code>, ${state}${used}</p>
${
  !over &&
  (resourceUid === ''
    ? form('/me/keys/revoke', { id }, html`Revoke ${visible(name)}`)
    : html`<p>A resource keeps this key; who keeps the resource can end it.</p>`)
}`;
}

function sessionItem({ id, provider, startedAtMs, usedAtMs }: Session, viewer: Viewer, form: ActionForm): Html {
  const own = viewer.caller.principal.sessionId === id;
  return html`<h3>${own ? 'This browser' : 'Another browser'}</h3>
<p>By ${visible(provider)} since ${instant(startedAtMs)}, last used ${instant(usedAtMs)}</p>
${!own && form('/me/sessions/end', { id }, html`End the session of ${instant(startedAtMs)}`)}`;
}
