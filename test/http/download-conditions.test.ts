import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { parseRange } from '../../packages/server/src/http/request/byte-range.ts';
import { parseEntityTags, parseHttpDate } from '../../packages/server/src/http/request/preconditions.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { sha1Hex } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const TEN = Buffer.from('0123456789');
const TAG = `"${sha1Hex(TEN)}"`;
const LONG_AGO = 'Thu, 01 Jan 1970 00:00:00 GMT';
const LATER = 'Fri, 01 Jan 2100 00:00:00 GMT';

for (const downloads of ['redirect', 'direct'] as const) {
  describe(`a download with PARTWAY_DOWNLOADS=${downloads}`, () => {
    let server: TestServer;
    let api: Api;
    let address: string;
    let empty: string;
    let modified: string;

    before(async () => {
      server = await startServer({ env: { PARTWAY_DOWNLOADS: downloads } });
      api = new Api(server);
      address = await getAddress((await upload(api, 'ten.txt', TEN)).id);
      empty = await getAddress((await upload(api, 'empty', '')).id);
      modified = String((await api.get(address)).headers['last-modified']);
    });
    after(() => server[Symbol.asyncDispose]());

    async function getAddress(id: string): Promise<string> {
      const path = `/files/${id}/content`;
      return downloads === 'direct' ? path : String((await api.get(path)).headers.location);
    }

    function get(headers: Record<string, string>, url = address, method = 'GET'): Promise<ApiResponse> {
      return api.call(method, url, { headers });
    }

    for (const [range, status, text] of [
      ['bytes=-65536', 206, '0123456789'],
      ['bytes=-10', 206, '0123456789'],
      ['bytes=-1', 206, '9'],
      ['bytes=0-99999999999999999999999999', 206, '0123456789'],
      ['bytes=-99999999999999999999999999', 206, '0123456789'],
      ['Bytes=2-3', 206, '23'],
      ['bytes= 2-3 ,', 206, '23'],
      ['bytes=2-3,100-', 206, '23'],
      ['bytes=-0', 416, undefined],
      ['bytes=10-', 416, undefined],
      ['bytes=99999999999999999999999999-', 416, undefined],
      ['bytes=10-11,-0', 416, undefined],
      ['bytes=0-1,5-6', 200, '0123456789'],
      ['bytes=0-5,2-9', 200, '0123456789'],
      ['bytes=5-2', 200, '0123456789'],
      ['bytes=2 - 3', 200, '0123456789'],
      ['bytes=', 200, '0123456789'],
      ['bytes=-', 200, '0123456789'],
      ['bytes=1-2-3', 200, '0123456789'],
      ['bytes=0x1-2', 200, '0123456789'],
      ['lines=1-2', 200, '0123456789'],
    ] as const) {
      test(`gets ${status} for ${range}, with GET and HEAD alike`, async () => {
        const answer = await get({ range });
        const head = await get({ range }, address, 'HEAD');
        assert.deepEqual([answer.status, head.status], [status, status], answer.text);
        assert.equal(head.headers['content-range'], answer.headers['content-range']);
        assert.equal(head.text, '');
        if (text === undefined) {
          assert.equal(answer.headers['content-range'], 'bytes */10');
        } else {
          assert.equal(answer.text, text);
          assert.equal(head.headers['content-length'], String(text.length));
        }
      });
    }

    test('fails with an If-Match or If-Unmodified-Since for another state, before other conditions are checked', async () => {
      for (const [headers, status] of [
        [{ 'if-match': TAG }, 200],
        [{ 'if-match': '*' }, 200],
        [{ 'if-match': `"a,b", ${TAG}` }, 200],
        [{ 'if-match': TAG.slice(1, -1) }, 200],
        [{ 'if-match': '"other"' }, 412],
        [{ 'if-match': `W/${TAG}` }, 412],
        [{ 'if-match': '' }, 412],
        [{ 'if-match': '"other"', 'if-none-match': TAG, range: 'bytes=100-' }, 412],
        [{ 'if-unmodified-since': modified }, 200],
        [{ 'if-unmodified-since': LATER }, 200],
        [{ 'if-unmodified-since': LONG_AGO }, 412],
        [{ 'if-unmodified-since': 'Monday, 01-Jan-90 00:00:00 GMT' }, 412],
        [{ 'if-unmodified-since': 'Thu Jan  1 00:00:00 1970' }, 412],
        [{ 'if-unmodified-since': 'yesterday' }, 200],
        [{ 'if-unmodified-since': '1970-01-01T00:00:00Z' }, 200],
        [{ 'if-match': TAG, 'if-unmodified-since': LONG_AGO }, 200],
        [{ 'if-match': TAG, range: 'bytes=2-3' }, 206],
      ] as const) {
        const answer = await get(headers);
        assert.equal(answer.status, status, JSON.stringify(headers));
        assert.equal((await get(headers, address, 'HEAD')).status, status, JSON.stringify(headers));
        if (status === 412) assert.equal(answer.json.code, 'precondition_failed');
      }
    });

    test('gets 304 with an If-None-Match or If-Modified-Since for the same state', async () => {
      for (const [headers, status] of [
        [{ 'if-none-match': TAG }, 304],
        [{ 'if-none-match': `W/${TAG}` }, 304],
        [{ 'if-none-match': '*' }, 304],
        [{ 'if-none-match': `W/"x,y" ,, "z",${TAG}` }, 304],
        [{ 'if-none-match': TAG, range: 'bytes=100-' }, 304],
        [{ 'if-none-match': '"other"' }, 200],
        [{ 'if-none-match': `"${TAG.slice(1, -2)}"` }, 200],
        [{ 'if-modified-since': modified }, 304],
        [{ 'if-modified-since': LATER }, 304],
        [{ 'if-modified-since': LONG_AGO }, 200],
        [{ 'if-modified-since': 'x' }, 200],
        [{ 'if-none-match': '"other"', 'if-modified-since': LATER }, 200],
      ] as const) {
        const answer = await get(headers);
        assert.equal(answer.status, status, JSON.stringify(headers));
        assert.equal((await get(headers, address, 'HEAD')).status, status, JSON.stringify(headers));
        if (status !== 304) continue;
        const { etag, 'last-modified': date, 'cache-control': cache, 'content-length': length } = answer.headers;
        assert.deepEqual([etag, date, cache, length, answer.text], [TAG, modified, 'private', undefined, '']);
      }
    });

    test('gets a range only with an If-Range that is a strong match for the current state', async () => {
      for (const [ifRange, status] of [
        [TAG, 206],
        [modified, 206],
        [`W/${TAG}`, 200],
        [`"x", ${TAG}`, 200],
        ['*', 200],
        ['', 200],
        [LATER, 200],
        [LONG_AGO, 200],
      ] as const) {
        const answer = await get({ range: 'bytes=2-3', 'if-range': ifRange });
        assert.equal(answer.status, status, ifRange);
      }
      assert.equal((await get({ range: 'bytes=100-', 'if-range': '"other"' })).status, 200);
      assert.equal((await get({ 'if-range': '"other"' })).status, 200);
    });

    test('of an empty file has no satisfiable range except a suffix, which gets the whole file', async () => {
      assert.equal((await get({ range: 'bytes=0-' }, empty)).status, 416);
      assert.equal((await get({ range: 'bytes=0-0' }, empty)).headers['content-range'], 'bytes */0');
      assert.equal((await get({ range: 'bytes=-0' }, empty)).status, 416);
      const suffix = await get({ range: 'bytes=-5' }, empty);
      assert.deepEqual([suffix.status, suffix.text, suffix.headers['content-length']], [200, '', '0']);
    });

    test('never mixes two versions if the file was replaced before it resumes', async () => {
      const { id } = await upload(api, 'replaced.txt', 'first version');
      const old = await getAddress(id);
      const started = await get({ range: 'bytes=0-4' }, old);
      const { etag, 'last-modified': date } = started.headers;
      await sendForm(api, `/files/${id}/content`, form(attributes({}), filePart('SECOND VERSION, LONGER')));
      const now = await getAddress(id);

      const rest = { range: 'bytes=5-' };
      for (const condition of [{ 'if-match': String(etag) }, { 'if-unmodified-since': String(date) }]) {
        assert.equal((await get({ ...rest, ...condition }, now)).status, 412, JSON.stringify(condition));
      }
      for (const ifRange of [String(etag), String(date)]) {
        const complete = await get({ ...rest, 'if-range': ifRange }, now);
        assert.deepEqual([complete.status, complete.text], [200, 'SECOND VERSION, LONGER'], ifRange);
      }
      const stale = await get({ 'if-modified-since': String(date) }, now);
      assert.equal(stale.status, 200, 'a change within the same second still counts as a change');
      if (downloads === 'redirect') assert.equal((await get(rest, old)).text, ' version');
    });
  });
}

test('a redirect ignores all conditions, because they apply to the address that it leads to', async () => {
  await using server = await startServer();
  const api = new Api(server);
  const { id } = await upload(api, 'redirected', 'a');
  for (const headers of [{ 'if-match': '"x"' }, { 'if-none-match': '*' }, { range: 'bytes=100-' }]) {
    assert.equal((await api.get(`/files/${id}/content`, { headers })).status, 302);
  }
});

test('all HTTP date formats are parsed, and nothing else is', () => {
  const at = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT'), at);
  assert.equal(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT'), at);
  assert.equal(parseHttpDate('Sun Nov  6 08:49:37 1994'), at);
  for (const none of ['Sun, 31 Feb 2020 08:49:37 GMT', 'Sun, 06 Xyz 1994 08:49:37 GMT', '6 Nov 1994', '1994', '']) {
    assert.equal(parseHttpDate(none), undefined, none);
  }
  const dates = fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(dates, (date) => parseHttpDate(date.toUTCString()) === Math.floor(date.getTime() / 1000) * 1000),
  );
});

test('a parsed range is always within the file, whatever the header contains', () => {
  const header = fc.stringMatching(/^bytes=[-0-9, ]{0,40}$/);
  fc.assert(
    fc.property(header, fc.nat(30), (text, size) => {
      const range = parseRange(text, size);
      if (typeof range !== 'object') return true;
      return 0 <= range.first && range.first <= range.last && range.last < size;
    }),
    { numRuns: 2000 },
  );
});

test('a list of entity tags is parsed to its end', () => {
  const value = fc.stringMatching(/^[a-z, W/*]{0,6}$/);
  const tags = fc.array(fc.record({ value, weak: fc.boolean() }, { noNullPrototype: true }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(tags, (list) => {
      const header = list.map(({ value: text, weak }) => `${weak ? 'W/' : ''}"${text}"`).join(' ,');
      assert.deepEqual(parseEntityTags(header), list);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseEntityTags(text)));
});
