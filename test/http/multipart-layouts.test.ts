import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, type FormPart, filePart, form, sendForm, upload } from './forms.ts';

const bytes = seededBytes(100_000, 'multipart-layouts');

let server: TestServer;
let api: Api;
let nameCount = 0;

before(async () => {
  server = await startServer();
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function send(body: unknown, headers = {}): Promise<ApiResponse> {
  return sendForm(api, '/files/content', body, headers);
}

function createName(): string {
  nameCount += 1;
  return `layout ${nameCount} ü.bin`;
}

function attributesFor(name: string, type?: string): FormPart {
  return attributes({ name, parent: { id: '0' } }, type);
}

function textField(name: string, body: string | Uint8Array = 'x'): FormPart {
  return { disposition: `name="${name}"`, body };
}

function assertRejected(answer: ApiResponse, code: string, said?: RegExp): void {
  assert.deepEqual([answer.status, answer.json?.code], [400, code], answer.text);
  if (said) assert.match(answer.json.message, said);
}

async function assertStored(answer: ApiResponse, name: string): Promise<void> {
  assert.equal(answer.status, 201, answer.text);
  const [file] = answer.json.entries;
  assert.equal(file.name, name);
  assert.deepEqual(await api.download(file.id), bytes);
}

async function countFiles(): Promise<number> {
  return (await api.get('/folders/0/items?limit=1')).json.total_count;
}

const EXTRA = { ...textField('meta', '{"name":"never"}'), type: 'application/json' };
const UNNAMED = { disposition: 'nothing', body: 'x' };
for (const [where, layout] of [
  [
    'before attributes',
    (name: string) => [textField('csrf'), textField('_method'), UNNAMED, attributesFor(name), filePart(bytes)],
  ],
  [
    'between attributes and the file',
    (name: string) => [attributesFor(name), textField('csrf'), EXTRA, filePart(bytes)],
  ],
  ['after the file', (name: string) => [attributesFor(name), filePart(bytes), textField('submit'), EXTRA]],
  [
    'everywhere, with a repeated name',
    (name: string) => [textField('a'), attributesFor(name), textField('a'), filePart(bytes), textField('a')],
  ],
] as const) {
  test(`other fields ${where} are ignored, however the body is split into chunks`, async () => {
    for (const size of [1_000_000, 7]) {
      const name = createName();
      const body = form(...layout(name));
      const chunks = (async function* () {
        // The file itself does not have to arrive in such small chunks.
        const until = Math.min(body.length, 600);
        for (let at = 0; at < until; at += size) yield body.subarray(at, Math.min(at + size, until));
        yield body.subarray(until);
      })();
      await assertStored(await send(chunks), name);
    }
  });
}

test('a file before its attributes gets an error code of its own, and other invalid forms do not', async () => {
  const count = await countFiles();
  const name = createName();
  assertRejected(await send(form(filePart(bytes), attributesFor(name))), 'metadata_after_file_contents');
  assertRejected(
    await send(form(textField('csrf'), filePart(bytes), attributesFor(name))),
    'metadata_after_file_contents',
  );
  assertRejected(
    await send(form(textField('parent_id', '0'), filePart(bytes), attributesFor(name))),
    'metadata_after_file_contents',
  );
  assertRejected(
    await send(form(attributesFor(name), filePart(bytes), attributesFor(name))),
    'metadata_after_file_contents',
  );
  assertRejected(await send(form(attributesFor(name), attributesFor(name), filePart(bytes))), 'bad_request', /twice/);
  assertRejected(
    await send(form(attributesFor(name), filePart('a'), filePart('b'))),
    'bad_request',
    /more than one file/,
  );
  assertRejected(await send(form(attributesFor(name), textField('csrf'))), 'bad_request', /no file/);
  assert.equal(await countFiles(), count);
});

test('fields are limited in number and in size, before and after the file', async () => {
  const count = await countFiles();
  const many = Array.from({ length: 60 }, (_, at) => textField(`f${at}`));
  const large = textField('large', Buffer.alloc(129 * 1024, 'x'));
  const halves = [textField('a', Buffer.alloc(70_000)), textField('b', Buffer.alloc(70_000))];
  for (const extra of [many, [large], halves]) {
    const name = createName();
    assertRejected(await send(form(...extra, attributesFor(name), filePart(bytes))), 'bad_request');
    assertRejected(await send(form(attributesFor(name), filePart(bytes), ...extra)), 'bad_request');
  }
  const huge = { disposition: 'name="attributes"', body: `{"name":"${'x'.repeat(65_536)}"}` };
  assertRejected(await send(form(huge, filePart(bytes))), 'bad_request', /65536/);
  assertRejected(
    await send(Buffer.concat([Buffer.alloc(140_000, 'x'), form(attributesFor('x'), filePart('a'))])),
    'bad_request',
  );
  assert.equal(await countFiles(), count);
});

test('a preamble and an epilogue are ignored', async () => {
  const name = createName();
  const pieces = [
    Buffer.from('This is a form.\r\n'),
    form(attributesFor(name), filePart(bytes)),
    Buffer.from('\r\nthe end'),
  ];
  await assertStored(await send(Buffer.concat(pieces)), name);
});

for (const type of [
  'multipart/form-data; boundary="partway-test-boundary"',
  'Multipart/Form-Data;BOUNDARY=partway-test-boundary',
  'multipart/form-data; charset=utf-8; boundary=partway-test-boundary; x',
  'multipart/form-data;; boundary="partway-test-boundary";',
]) {
  test(`the content type can be ${type}`, async () => {
    const name = createName();
    await assertStored(await send(form(attributesFor(name), filePart(bytes)), { 'content-type': type }), name);
  });
}

test('a boundary can contain characters that have to be quoted, and is rejected if it is missing, empty or too long', async () => {
  const name = createName();
  const boundary = '--=_Part 1; (a,b):?';
  const body = form(attributesFor(name), filePart(bytes))
    .toString('latin1')
    .replaceAll('partway-test-boundary', boundary);
  const quoted = { 'content-type': `multipart/form-data; boundary="${boundary}"` };
  await assertStored(await send(Buffer.from(body, 'latin1'), quoted), name);
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    `multipart/form-data; boundary=${'x'.repeat(300)}`,
  ]) {
    assertRejected(await send(body, { 'content-type': type }), 'bad_request', /boundary/);
  }
});

test('names of part headers and parameters are case-insensitive, and attributes can look like a file', async () => {
  const name = createName();
  const body = form(
    {
      disposition: 'name="attributes"; filename="blob"',
      type: 'application/json; charset=UTF-8',
      body: JSON.stringify({ name, parent: { id: '0' } }),
    },
    filePart(bytes, 'FileName=other.bin; NAME=file'),
  );
  const upperCase = Buffer.from(
    body.toString('latin1').replaceAll(/content-(disposition|type)/g, (all) => all.toUpperCase()),
    'latin1',
  );
  await assertStored(await send(upperCase), name);
});

test('attributes are decoded in the charset that they, the form or _charset_ declare', async () => {
  const latin1 = (name: string) => Buffer.from(JSON.stringify({ name, parent: { id: '0' } }), 'latin1');
  for (const [type, parts, charset] of [
    ['application/json; charset=ISO-8859-1', [], ''],
    [undefined, [textField('_charset_', 'ISO-8859-1')], ''],
    [undefined, [], '; charset=ISO-8859-1'],
  ] as const) {
    const name = createName();
    const field = { disposition: 'name="attributes"', ...(type && { type }), body: latin1(name) };
    const header = { 'content-type': `multipart/form-data; boundary=partway-test-boundary${charset}` };
    await assertStored(await send(form(...parts, field, filePart(bytes)), header), name);
  }
  const count = await countFiles();
  const plain = { disposition: 'name="attributes"', body: latin1('é') };
  assertRejected(await send(form(plain, filePart(bytes))), 'bad_request', /UTF-8/);
  const unknown = await send(form({ ...plain, type: 'text/plain; charset=x-none' }, filePart(bytes)));
  assert.deepEqual([unknown.status, unknown.json.code], [415, 'unsupported_media_type']);
  assert.equal(await countFiles(), count);
});

test("a form of Box's first API is accepted: parent_id or folder_id, then the file with its name", async () => {
  for (const field of ['parent_id', 'folder_id']) {
    const name = createName();
    const file = filePart(bytes, `name="filename"; filename="${name}"`);
    await assertStored(await send(form(textField(field, '0'), file)), name);
  }
  const count = await countFiles();
  const latin1 = Buffer.concat([form(textField('parent_id', '0'), filePart('a', 'name="f"; filename="caf\x01.txt"'))]);
  latin1[latin1.indexOf(1)] = 0xe9;
  assertRejected(await send(latin1), 'bad_request', /UTF-8/);
  const nameless = form(textField('parent_id', '0'), filePart('a', 'name="file"; filename=""'));
  assertRejected(await send(nameless), 'item_name_invalid');
  assertRejected(await send(form(filePart(bytes), textField('parent_id', '0'))), 'metadata_after_file_contents');
  assert.equal(await countFiles(), count);
});

test('a file can have its name in filename*, as older clients write names that are not ASCII', async () => {
  const name = createName();
  const extended = `filename*=utf-8''${encodeURIComponent(name)}`;
  await assertStored(await send(form(attributesFor(name), filePart(bytes, `name="anything"; ${extended}`))), name);
  for (const [charset, letter] of [
    ['UTF-8', '%C3%BC'],
    ['iso-8859-1', '%fc'],
  ]) {
    const own = createName();
    const encoded = encodeURIComponent(own).replace('%C3%BC', letter as string);
    const file = filePart(bytes, `name="file"; filename="never"; filename*=${charset}'en'${encoded}`);
    await assertStored(await send(form(textField('parent_id', '0'), file)), own);
  }
  const count = await countFiles();
  const lossy = filePart('a', 'name="file"; filename*=utf-8\'\'caf%E9');
  assertRejected(await send(form(textField('parent_id', '0'), lossy)), 'bad_request', /UTF-8/);
  assert.equal(await countFiles(), count);
});

test('a file or attributes in a transfer encoding are rejected instead of being stored encoded', async () => {
  const count = await countFiles();
  const encoded = (part: FormPart, encoding: string) => ({
    ...part,
    disposition: `${part.disposition}\r\nContent-Transfer-Encoding: ${encoding}`,
  });
  const name = createName();
  for (const encoding of ['base64', 'BASE64', 'quoted-printable ']) {
    const file = encoded(filePart(bytes.toString('base64')), encoding);
    assertRejected(await send(form(attributesFor(name), file)), 'bad_request', /content-transfer-encoding/);
    assertRejected(
      await send(form(encoded(attributesFor(name), encoding), filePart(bytes))),
      'bad_request',
      /encoding/,
    );
  }
  assert.equal(await countFiles(), count);
  for (const encoding of ['binary', '8bit', '7bit', 'foo']) {
    const own = createName();
    const body = form(
      encoded(textField('csrf'), 'base64'),
      encoded(attributesFor(own), encoding),
      encoded(filePart(bytes), encoding),
    );
    await assertStored(await send(body), own);
  }
});

test('a new version needs no attributes, and attributes after its file are rejected', async () => {
  const { id } = await upload(api, createName(), 'one');
  const next = await sendForm(api, `/files/${id}/content`, form(filePart('two')));
  assert.deepEqual([next.status, next.json.entries?.[0].etag], [201, '1'], next.text);
  const late = await sendForm(api, `/files/${id}/content`, form(filePart('three'), attributes({ name: 'late' })));
  assertRejected(late, 'metadata_after_file_contents');
  assert.deepEqual(await api.download(id), Buffer.from('two'));
});
