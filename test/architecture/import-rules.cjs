// Who may import whom. Run by imports.test.ts with dependency-cruiser; each rule says why it is there.
const SERVICES = [
  'model-proxy',
  'mcp-broker',
  'policy',
  'quarantine',
  'identity',
  'vault',
  'audit',
  'operator',
  'mcp-host',
  'egress-proxy',
  'console',
  'demo',
];
const LIBRARIES = ['chassis', 'turn', 'custom-resources', 'peers'];
const anyService = SERVICES.join('|');
// What decides, without a wire, a clock or a store: the CLI runs the same code over files and recorded calls.
const POLICY_CORE =
  '^services/policy/src/(access|evaluate|evaluate-result|labels|rules/[a-z-]+|snapshot/(compile|held|selectors|tenant|units))\\.ts$';
const tests = ['\\.test\\.ts$', '/testing[^/]*\\.ts$'];

/** A rule against importing a package outside of the places that own it. */
const only = (name, packages, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^services/', pathNot: [...tests, ...allowed] },
  to: { path: packages.map((one) => `node_modules/${one}/`) },
});

module.exports = {
  forbidden: [
    {
      name: 'services-meet-in-proto',
      comment: 'A service knows another one by its contract only.',
      severity: 'error',
      from: { path: `^services/(${anyService})/` },
      to: { path: `^services/(${anyService})/`, pathNot: '^services/$1/' },
    },
    {
      name: 'services-use-libraries-only',
      comment: 'The CLI starts services as processes; nobody imports it but tests.',
      severity: 'error',
      from: { path: '^services/', pathNot: '^services/cli/' },
      to: { path: '^services/cli/' },
    },
    {
      name: 'cli-imports-no-service',
      comment:
        'What the CLI knows of a service is its config file and its ports; it decides by the pure core of policy, which must never be written twice.',
      severity: 'error',
      from: { path: '^services/cli/', pathNot: tests },
      to: { path: `^services/(${anyService})/`, pathNot: POLICY_CORE },
    },
    {
      name: 'policy-core-is-pure',
      comment: 'Decisions are functions of resources and request, so that they can be tried outside of the service.',
      severity: 'error',
      from: { path: POLICY_CORE, pathNot: tests },
      to: {
        path: '^(services|proto)/',
        pathNot: [POLICY_CORE, '^services/(turn|custom-resources)/', '^proto/gen/'],
      },
    },
    {
      name: 'libraries-import-no-service',
      comment: 'Direction: services stand on libraries.',
      severity: 'error',
      from: { path: `^services/(${LIBRARIES.join('|')})/` },
      to: { path: `^services/(${anyService}|cli)/` },
    },
    {
      name: 'turn-imports-nothing',
      comment: 'The heart is pure: no I/O, no clock, no package (DESIGN section 3).',
      severity: 'error',
      from: { path: '^services/turn/src/', pathNot: tests },
      to: { pathNot: '^services/turn/src/' },
    },
    {
      name: 'chassis-has-no-domain',
      comment: 'No word of the domain enters chassis: of proto it knows errors and health.',
      severity: 'error',
      from: { path: '^services/chassis/', pathNot: tests },
      to: {
        path: '^(services/(turn|peers|custom-resources)|proto/gen/sallyport)/',
        pathNot: '^proto/gen/sallyport/errors/',
      },
    },
    {
      name: 'dialects-are-pure',
      comment:
        'The neutral model and the codecs are functions of data. What a number is they and the decisions on calls must read alike.',
      severity: 'error',
      from: { path: '^services/model-proxy/src/(chat|wire)/', pathNot: tests },
      to: { pathNot: '^services/(model-proxy/src/(chat|wire)/|turn/src/exact-number\\.ts$)' },
    },
    {
      name: 'providers-are-declarations',
      comment: 'A provider is data; what two of them need is a quirk of the codec.',
      severity: 'error',
      from: { path: '^services/model-proxy/src/providers/', pathNot: tests },
      to: { path: '^services/model-proxy/src/(turn|http|upstream|fronts)/' },
    },
    {
      name: 'no-source-to-test',
      comment: 'What ships does not lean on what tests it.',
      severity: 'error',
      from: { path: '^(services|proto)/', pathNot: tests },
      to: { path: '^test/' },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle has no first file to read.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    only(
      'kubernetes-in-chassis',
      ['@kubernetes/client-node'],
      ['^services/chassis/src/kube/'],
      'One way to the API server.',
    ),
    {
      name: 'kubernetes-in-two-services',
      comment: 'Least privilege stays true in code.',
      severity: 'error',
      from: { path: '^services/', pathNot: [...tests, '^services/(operator|mcp-host|chassis/src/kube)/'] },
      to: { path: '^services/chassis/src/kube/' },
    },
    only('grpc-in-chassis', ['@grpc/grpc-js'], ['^services/chassis/src/rpc/'], 'One RPC idiom.'),
    only('redis-in-chassis', ['ioredis'], ['^services/chassis/src/redis\\.ts'], 'One way to make a Redis client.'),
    only(
      'postgres-in-chassis',
      ['pg'],
      ['^services/chassis/src/', '^services/cli/src/dev/'],
      'Tenants are set on every connection in one place.',
    ),
    only(
      'telemetry-in-chassis',
      ['prom-client', '@opentelemetry/(sdk-trace|resources|exporter-trace-otlp-proto|context-async-hooks)'],
      ['^services/chassis/src/'],
      'One registry, one tracer.',
    ),
    only(
      'mcp-sdk-in-broker',
      ['@modelcontextprotocol/[^/]+'],
      ['^services/mcp-broker/src/(upstream|downstream)/', '^services/demo/'],
      'SDK types stop at the seam.',
    ),
  ],
  options: {
    tsPreCompilationDeps: false,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|fixtures)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
