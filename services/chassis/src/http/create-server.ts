const http = process.getBuiltinModule('node:http');
// Whoever imports `node:http` has Node read all that it exports, and reading these three loads Node's own undici: 2.3 MB in
// every process, for nothing that is used. What imports it later, as the exporter of spans does, finds them gone.
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name);

/** Makes a plain HTTP server; take it from here, not from `node:http`. */
export const { createServer } = http;
