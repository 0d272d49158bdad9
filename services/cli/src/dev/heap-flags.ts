/** Of 32 MB of young generation; the others have 16, since one of V8's own choosing doubles what a busy process keeps. */
const WIDE: readonly string[] = ['mcp-broker', 'policy'];
/**
 * What lives in the first two is some 20 MB, next to buffers that come and go with each batch: left to itself V8 takes those
 * for growth and collects everything about once a second. May the heap be four times what lives before that. In
 * mcp-broker, which holds the catalog, it may be two and a half times. In model-proxy little outlives a request, for which
 * V8 lets the heap grow by a tenth and then marks all 40 MB; with a third it has the memory that it may have. Where objects
 * of requests were often met alive, V8 makes further ones old from the beginning, and what they point to lives on with them:
 * not making them so takes a twentieth off a chat.
 */
const FURTHER: Readonly<Record<string, readonly string[]>> = {
  audit: ['--heap-growing-percent=300'],
  policy: ['--heap-growing-percent=300'],
  'mcp-broker': ['--heap-growing-percent=150'],
  'model-proxy': ['--heap-growing-percent=30', '--no-allocation-site-pretenuring'],
};

/**
 * V8's flags of a service, the same as in the image (deploy/image/launch). A tools/call makes 140 KB of objects in mcp-broker
 * that live as long as policy and the server take: with 16 MB a sixth was copied on, and collecting took a quarter of its time.
 */
export function heapFlags(service: string): readonly string[] {
  return [`--max-semi-space-size=${WIDE.includes(service) ? 32 : 16}`, ...(FURTHER[service] ?? [])];
}
