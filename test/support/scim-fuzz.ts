import fc from 'fast-check';

/** A request to SCIM: its method, path below the tenant, and body. */
export type ScimRequest = readonly [string, string, object | undefined];

/**
 * Requests as nobody sane sends them: odd filters, patches, resources and ids, some about a user and a group that are there,
 * some that ask for a value which stands in another tenant.
 */
export function scimRequests(known: string, crew: string, canary: string): fc.Arbitrary<ScimRequest> {
  const text = fc.oneof(
    fc.constantFrom('', '\u0000', '\ud800', 'null', '__proto__', known, crew, 'x'.repeat(3_000), 'ﬀ', '٣'),
    fc.string({ unit: 'binary', maxLength: 30 }),
  );
  const quoted = text.map((one) => JSON.stringify(one));
  const name = fc.constantFrom(
    ...[
      'userName',
      'displayName',
      'externalId',
      'id',
      'active',
      'emails',
      'members',
      'name.givenName',
      'title',
      'groups',
    ],
    ...['emails[type eq "work"].value', 'members.value', 'meta.version', 'urn:x:y', '__proto__', 'schemas'],
  );
  const term = fc.tuple(name, fc.constantFrom('eq', 'ne', 'co', 'sw', 'gt', 'pr'), fc.oneof(quoted, fc.constant('7')));
  const filter = fc.oneof(
    fc.constantFrom(`displayName eq "${canary}"`, `title sw "${canary}"`, `externalId eq "${canary}" and id pr`),
    fc.array(term, { minLength: 1, maxLength: 8 }).map((terms) => terms.map((one) => one.join(' ')).join(' or ')),
    term.map(([path, op, value]) => `not (${path}[${path} ${op} ${value}])`),
    text,
  );
  const value = fc.oneof(text, fc.jsonValue({ maxDepth: 4 }), fc.array(fc.record({ value: text, type: text })));
  const operation = fc.record(
    { op: fc.constantFrom('add', 'replace', 'Remove'), path: fc.oneof(name, text), value },
    {
      requiredKeys: ['op'],
    },
  );
  const resource = fc
    .dictionary(fc.oneof(name, text), value)
    .chain((one) =>
      fc
        .record({ userName: text, displayName: text, active: value }, { requiredKeys: [] })
        .map((more) => ({ ...one, ...more })),
    );
  const type = fc.constantFrom('Users', 'Groups');
  const target = fc.constantFrom(known, crew, 'x', '%00', '..%2f');
  return fc.oneof(
    fc.tuple(type, filter, fc.nat(300), text).map(([of, by, count, shown]) => {
      const query = new URLSearchParams({
        filter: by.toWellFormed(),
        count: String(count),
        attributes: shown.toWellFormed(),
      });
      return ['GET', `/${of}?${query}`, undefined] as const;
    }),
    fc
      .tuple(type, target, fc.array(operation, { maxLength: 5 }))
      .map(([of, id, Operations]) => ['PATCH', `/${of}/${id}`, { Operations }] as const),
    fc.tuple(type, resource).map(([of, body]) => ['POST', `/${of}`, body] as const),
    fc.tuple(type, target, resource).map(([of, id, body]) => ['PUT', `/${of}/${id}`, body] as const),
  );
}
