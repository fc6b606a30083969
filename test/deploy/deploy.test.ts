import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newSecret } from '../../packages/server/src/auth/secrets.ts';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { SETTINGS } from '../../packages/server/src/config/settings.ts';
import { writeNginxConfig } from '../engines/nginx-config.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { DEPLOY, lint, testWithLinter } from './linter.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
/** Versions of Kubernetes whose API the manifests have to match: the oldest with all their fields, and the newest. */
const KUBERNETES = ['1.34.0', '1.37.0'];
/** On systemd's scale, on which 10 is a service without restrictions. */
const MAX_EXPOSURE = 1.5;

const files = (pattern: string) => globSync(pattern, { cwd: DEPLOY }).map((file) => join(DEPLOY, file));

for (const upstream of ['nginx/upstream.conf', 'nginx/upstream-affinity.conf', 'compose/upstream.conf']) {
  testWithLinter(`nginx accepts the example with ${upstream}`, 'nginx', async (nginx) => {
    const folder = temporaryFolder();
    const config = writeNginxConfig({ folder, port: 8080, nodes: ['127.0.0.1:4401', '127.0.0.1:4402'], upstream });
    assert.match(await lint(nginx, ['-t', '-q', '-e', 'stderr', '-c', config]), /^$/);
  });
}

testWithLinter('systemd finds nothing wrong with the unit', 'systemd-analyze', async (systemd) => {
  assert.equal(await lint(systemd, ['verify', '--man=no', createLocalUnit()]), '');
});

testWithLinter('the unit leaves the server little to reach', 'systemd-analyze', async (systemd) => {
  const most = `--threshold=${MAX_EXPOSURE * 10}`;
  assert.match(await lint(systemd, ['security', '--offline=true', most, createLocalUnit()]), /Overall exposure level/);
});

testWithLinter('the compose files are what the compose specification allows', 'check-jsonschema', async (check) => {
  const found = files('compose/*.yaml');
  assert.equal(found.length, 2);
  await lint(check, ['--builtin-schema', 'vendor.compose-spec', ...found]);
});

for (const version of KUBERNETES) {
  testWithLinter(
    `Kubernetes ${version} accepts every field of the manifests`,
    'kubernetes-validate',
    async (validate) => {
      const found = files('kubernetes/*.yaml');
      const said = await lint(validate, ['--strict', '--kubernetes-version', version, ...found]);
      for (const file of found) assert.ok(said.includes(`${file} passed`), `${file} was not checked:\n${said}`);
    },
  );
}

testWithLinter('the Dockerfile follows the rules for Dockerfiles', 'hadolint', async (hadolint) => {
  assert.equal(await lint(hadolint, [join(DEPLOY, 'Dockerfile')]), '');
});

test('every setting in an example exists', () => {
  const known = new Set<string>(SETTINGS.map(({ env }) => env));
  const named = files('**/*').filter((file) => statSync(file).isFile());
  assert.ok(named.length >= 15);
  for (const file of named) {
    for (const [name] of readFileSync(file, 'utf8').matchAll(/PARTWAY_[A-Z0-9_]+/g)) {
      assert.ok(known.has(name), `${file} names ${name}`);
    }
  }
});

test('Partway starts with the settings of the examples', () => {
  const given = ['systemd/single.env', 'systemd/node.env', 'compose/single.env.example', 'compose/cluster.env.example'];
  for (const name of given) {
    const text = readFileSync(join(DEPLOY, name), 'utf8');
    const settings = Object.fromEntries(
      [...text.matchAll(/^(PARTWAY_\w+)=(.*)$/gm)].map(([, env = '', value = '']): [string, string] => [env, value]),
    );
    assert.ok(Object.keys(settings).length > 0, name);
    // Values without a sensible example, as the operator fills them in, and the file that the operator creates.
    const filledIn = Object.entries(settings).map(([env, value]) => [
      env,
      value.replace(/CHANGE-ME[\w-]*/, newSecret()),
    ]);
    readConfig({ ...Object.fromEntries(filledIn), PARTWAY_SIGNING_KEY_FILE: '' }, {});
  }
});

test('no placeholder of an example or of the documentation works', () => {
  const texts = [...files('**/*'), ...documents()].filter((file) => statSync(file).isFile());
  let found = 0;
  for (const file of texts) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [, name, value = ''] =
        /^[#\s-]*(?:export )?([A-Za-z_-]+)(?:=|: +)["']?(\S*change[-_ ]?me\S*?)["']?\s*$/i.exec(line) ?? [];
      if (name === undefined) {
        assert.doesNotMatch(
          line,
          /[=:@]\S*change[-_ ]?me/i,
          `${file}: a placeholder that this test does not understand`,
        );
        continue;
      }
      found += 1;
      const set = parseSetting(name, value);
      // PostgreSQL's own variable, whose placeholder is rejected in PARTWAY_DATABASE.
      if (set !== undefined)
        assert.throws(() => readConfig(...set), /placeholder|does not contain a key/, `${file}: ${line}`);
    }
  }
  assert.ok(found >= 15, `${found} placeholders`);
});

/** Arguments with which the server gets this value of an example. */
function parseSetting(name: string, value: string): Parameters<typeof readConfig> | undefined {
  if (name === 'POSTGRES_PASSWORD') return undefined;
  if (name === 'signing-key') {
    const path = join(temporaryFolder(), 'signing-key');
    writeFileSync(path, value, { mode: 0o600 });
    return [{ PARTWAY_SIGNING_KEY_FILE: path }, {}];
  }
  return name.startsWith('PARTWAY_')
    ? [{ [name]: value }, {}]
    : [{ PARTWAY_STORAGE: 's3://bucket' }, { [name]: value }];
}

const documents = () =>
  ['README.md', 'SECURITY.md', 'docs/**/*.md']
    .flatMap((pattern) => globSync(pattern, { cwd: CHECKOUT }))
    .map((file) => join(CHECKOUT, file));

test('images of others have a complete version, never a moving tag', () => {
  const named = files('**/*').filter((file) => statSync(file).isFile() && !file.endsWith('.md'));
  const images = named.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^(?: *image: |ARG NODE_IMAGE=|FROM (?!\$))(\S+)/gm)].map(
      ([, image = '']) => image,
    ),
  );
  assert.ok(images.length >= 8, images.join(' '));
  for (const image of images) assert.match(image, /:\d+\.\d+(\.\d+)?(-[\w-]+)?$|@sha256:[0-9a-f]{64}$/, image);
});

test('a network policy covers every pod of the manifests, and admits only the ingress controller', () => {
  for (const name of ['single', 'cluster', 'migrate']) {
    const documents = readFileSync(join(DEPLOY, `kubernetes/${name}.yaml`), 'utf8').split(/^---$/m);
    const pods = documents.filter((text) => /^kind: (StatefulSet|Deployment|Job|DaemonSet|Pod|CronJob)$/m.test(text));
    const policies = documents.filter((text) => /^kind: NetworkPolicy$/m.test(text));
    assert.deepEqual([pods.length, policies.length], [1, 1], name);
    const labels = (text = '') => /labels: &labels\n((?: {4}app\.\S+: \S+\n)+)/.exec(text)?.[1];
    assert.ok(labels(pods[0]), name);
    assert.equal(labels(policies[0]), labels(pods[0]), name);
    assert.match(policies[0] ?? '', /podSelector:\n {4}matchLabels: \*labels\n {2}policyTypes: \[Ingress, Egress\]/);
    assert.doesNotMatch(policies[0] ?? '', /ingress:\n {4}- \{\}|cidr: 0\.0\.0\.0/);
  }
});

test('the image needs no compiler but for our own module: no dependency of the server runs an install script', () => {
  const lock = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; hasInstallScript?: boolean }>;
  };
  const server = Object.entries(lock.packages).filter(
    ([path, { dev }]) => path !== '' && path !== 'packages/native' && dev !== true,
  );
  assert.ok(server.length > 10);
  assert.deepEqual(
    server.filter(([, { hasInstallScript, optional }]) => hasInstallScript === true && optional !== true),
    [],
  );
});

test('the image has everything that a start needs', () => {
  const dockerfile = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8');
  const ignored = readFileSync(join(DEPLOY, 'Dockerfile.dockerignore'), 'utf8').split('\n');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
  assert.deepEqual(copied.toSorted(), [
    '.npmrc',
    'LICENSE',
    'package-lock.json',
    'package.json',
    'package.json',
    'packages',
    'packages/cli/package.json',
    'packages/client/package.json',
    'packages/native',
    'packages/native/package.json',
    'packages/protocol/package.json',
    'packages/server/package.json',
  ]);
  for (const name of copied) {
    assert.ok(ignored.includes(`!${name.split('/')[0]}`), `${name} is excluded from the build`);
  }
});

/** The unit with the paths of this machine and checkout, because systemd checks that programs exist. */
function createLocalUnit(): string {
  const unit = readFileSync(join(DEPLOY, 'systemd/partway.service'), 'utf8');
  const here = unit.replace('/usr/bin/node /opt/partway/', `${process.execPath} ${CHECKOUT}`);
  assert.notEqual(here, unit);
  const path = join(temporaryFolder(), 'partway.service');
  writeFileSync(path, here);
  return path;
}

function temporaryFolder(): string {
  return deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-deploy-')));
}
