import { type DefaultTreeAdapterTypes, parse } from 'parse5';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser understands it, read by the parser of the HTML standard. */
export interface ReadPage {
  readonly status: number;
  readonly headers: Headers;
  readonly markup: string;
  /** All elements of a name, in document order. */
  all(tag: string): Element[];
  byId(id: string): Element | undefined;
  /** All text that is shown. */
  readonly text: string;
  /** The form that posts to a path. */
  form(action: string): PageForm;
}

/** A form with the values that it would send untouched. */
export interface PageForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly buttons: readonly { readonly name: string; readonly value: string; readonly label: string }[];
  readonly checkboxes: readonly string[];
}

/** A browser without scripts: it keeps cookies, sends forms, and follows no redirect by itself. */
export interface Browser {
  readonly cookies: Map<string, string>;
  /** The last `Set-Cookie` headers as they came. */
  readonly setCookies: string[];
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<ReadPage>;
  post(
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<ReadPage>;
  /** Signs in with a key, as a person does. */
  signIn(key: string): Promise<ReadPage>;
  /** The token of this session's forms, from the list page. */
  csrf(): Promise<string>;
}

/** Opens a browser at a base URL (no slash at the end). */
export function openBrowser(base: string): Browser {
  const cookies = new Map<string, string>();
  const setCookies: string[] = [];
  const send = async (path: string, init: RequestInit & { headers: Record<string, string> }): Promise<ReadPage> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(base + path, {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...init.headers },
    });
    setCookies.splice(0, setCookies.length, ...response.headers.getSetCookie());
    for (const one of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return readPage(response.status, response.headers, await response.text());
  };
  const browser: Browser = {
    cookies,
    setCookies,
    get: (path, headers = {}) => send(path, { headers: { ...headers } }),
    post(path, fields, headers = {}) {
      const body = new URLSearchParams();
      for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
      return send(path, {
        method: 'POST',
        body: body.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    },
    async signIn(key) {
      const { fields } = (await browser.get('/approve')).form('/approve/sign-in');
      return browser.post('/approve/sign-in', { ...fields, key });
    },
    async csrf() {
      return (await browser.get('/approve')).form('/approve/sign-out').fields.csrf as string;
    },
  };
  return browser;
}

/** Reads a page's markup. */
export function readPage(status: number, headers: Headers, markup: string): ReadPage {
  const document = parse(markup);
  const all = (tag: string) => elementsOf(document).filter((one) => tag === '*' || one.tagName === tag);
  return {
    status,
    headers,
    markup,
    all,
    byId: (id) => all('*').find((one) => attributeOf(one, 'id') === id),
    text: textOf(document),
    form(action) {
      const found = all('form').find((one) => attributeOf(one, 'action') === action);
      if (found === undefined) throw new Error(`There is no form to ${action}: ${markup}`);
      return formOf(found);
    },
  };
}

/** An attribute's value; undefined when it is absent. */
export function attributeOf(element: Element, name: string): string | undefined {
  return element.attrs.find((one) => one.name === name)?.value;
}

/** All text below a node. */
export function textOf(node: Node): string {
  if ('value' in node) return (node as { value: string }).value;
  if (!('childNodes' in node)) return '';
  return node.childNodes.map(textOf).join('');
}

/** All elements below a node, in document order. */
export function elementsOf(node: Node): Element[] {
  const inner = 'childNodes' in node ? node.childNodes.flatMap(elementsOf) : [];
  return 'tagName' in node ? [node, ...inner] : inner;
}

function formOf(form: Element): PageForm {
  const inner = elementsOf(form);
  const fields: Record<string, string> = {};
  const checkboxes: string[] = [];
  for (const one of inner) {
    const name = attributeOf(one, 'name');
    if (name === undefined || one.tagName === 'button') continue;
    if (attributeOf(one, 'type') === 'checkbox') checkboxes.push(attributeOf(one, 'value') ?? '');
    else fields[name] = one.tagName === 'textarea' ? textOf(one) : (attributeOf(one, 'value') ?? '');
  }
  const buttons = inner
    .filter(({ tagName }) => tagName === 'button')
    .map((one) => ({
      name: attributeOf(one, 'name') ?? '',
      value: attributeOf(one, 'value') ?? '',
      label: textOf(one),
    }));
  return { fields, buttons, checkboxes };
}
