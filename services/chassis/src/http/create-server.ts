/**
 * Makes a plain HTTP server. An `import` of `node:http` reads all that it exports, and one of them (`WebSocket`) then loads
 * Node's own undici: 2.3 MB in every process, for nothing that is used.
 */
export const { createServer } = process.getBuiltinModule('node:http');
