// Fills the Secrets of a release: bootstrap PLAN.json. Run by a Job at install and upgrade, and daily for renewal.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCertificates } from '../../services/cli/src/dev/certificates.ts';
import { fillCertificates, fillSecrets, type Plan } from './fill-secrets.ts';
import { clusterSecrets } from './secrets-api.ts';

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Plan;
const api = clusterSecrets();
const dir = mkdtempSync(join(tmpdir(), 'certificates-'));
try {
  const secrets = await fillSecrets(plan, api);
  const certificates = await fillCertificates(plan, api, ensureCertificates, dir);
  console.log(JSON.stringify({ level: 'info', service: 'bootstrap', message: 'filled', secrets, certificates }));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
