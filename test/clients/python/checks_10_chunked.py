import io
import re

from client_10 import client, commit, download, open_session, put, put_all
from lab import PART_SIZE, SERVER, check, equal, parts_of, seeded_bytes, sha1_digest, sha1_hex

DATA = seeded_bytes(5 * PART_SIZE + 1234, "boxsdk 10")
TOTAL_PARTS = 6
chunked = client.chunked_uploads


@check("upload_big_file uploads a file of six parts, which is downloaded byte for byte")
def _():
    file = chunked.upload_big_file(io.BytesIO(DATA), "big.bin", len(DATA), "0")
    equal((file.name, file.size, file.sha_1, file.parent.id), ("big.bin", len(DATA), sha1_hex(DATA), "0"))
    equal(download(file.id), DATA)
    client.files.delete_file_by_id(file.id)


@check("upload_big_file uploads a file that fills its last part exactly")
def _():
    data = seeded_bytes(3 * PART_SIZE, "exact")
    file = chunked.upload_big_file(io.BytesIO(data), "exact.bin", len(data), "0")
    equal(download(file.id), data)


@check("every chunked upload call works by session ID")
def _():
    session = open_session("by-id.bin", DATA)
    assert re.fullmatch("[0-9A-F]{32}", session.id), session.id
    found = (session.type.value, session.part_size, session.total_parts, session.num_parts_processed)
    equal(found, ("upload_session", PART_SIZE, TOTAL_PARTS, 0))
    parts = put_all(session.id, DATA)
    for part, (offset, data) in zip(parts, parts_of(DATA)):
        equal((part.offset, part.size, part.sha_1), (offset, len(data), sha1_hex(data)))
        assert re.fullmatch("[0-9A-F]{8}", part.part_id), part.part_id
    listed = chunked.get_file_upload_session_parts(session.id)
    equal(listed.total_count, TOTAL_PARTS)
    equal([part.part_id for part in listed.entries], [part.part_id for part in parts])
    equal(chunked.get_file_upload_session_by_id(session.id).num_parts_processed, TOTAL_PARTS)
    committed = commit(session.id, parts, DATA)
    equal((committed.total_count, committed.entries[0].name), (1, "by-id.bin"))
    chunked.delete_file_upload_session_by_id(session.id)
    equal(download(committed.entries[0].id), DATA)


@check("every chunked upload call works by the addresses in session_endpoints")
def _():
    session = open_session("by-url.bin", DATA)
    at = session.session_endpoints
    for address in (at.upload_part, at.commit, at.abort, at.list_parts, at.status, at.log_event):
        assert address.startswith(f"{SERVER}/"), address
    parts = []
    for offset, data in parts_of(DATA):
        content_range = f"bytes {offset}-{offset + len(data) - 1}/{len(DATA)}"
        answer = chunked.upload_file_part_by_url(at.upload_part, io.BytesIO(data), sha1_digest(data), content_range)
        parts.append(answer.part)
    equal(chunked.get_file_upload_session_parts_by_url(at.list_parts).total_count, TOTAL_PARTS)
    equal(chunked.get_file_upload_session_by_url(at.status).id, session.id)
    committed = chunked.create_file_upload_session_commit_by_url(at.commit, parts, sha1_digest(DATA))
    equal(committed.entries[0].sha_1, sha1_hex(DATA))
    chunked.delete_file_upload_session_by_url(at.abort)


@check("parts can arrive in reverse order; the list is in file order and can be read in pages")
def _():
    session = open_session("backwards.bin", DATA)
    for offset, data in reversed(parts_of(DATA)):
        put(session.id, offset, data, len(DATA))
    page = chunked.get_file_upload_session_parts(session.id, offset=2, limit=3)
    equal((page.total_count, page.offset, page.limit), (TOTAL_PARTS, 2, 3))
    equal([part.offset for part in page.entries], [2 * PART_SIZE, 3 * PART_SIZE, 4 * PART_SIZE])
    commit(session.id, chunked.get_file_upload_session_parts(session.id).entries, DATA)


@check("a session for an existing file adds a version, can rename it, and requires its if-match")
def _():
    data = seeded_bytes(2 * PART_SIZE + 5, "version two")
    file = chunked.upload_big_file(io.BytesIO(DATA), "versions.bin", len(DATA), "0")
    session = chunked.create_file_upload_session_for_existing_file(file.id, len(data), file_name="renamed.bin")
    parts = put_all(session.id, data)
    changed = commit(session.id, parts, data, if_match="0").entries[0]
    equal((changed.id, changed.etag, changed.name), (file.id, "1", "renamed.bin"))
    assert changed.file_version.id != file.file_version.id
    equal(download(file.id), data)


@check("a commit resent after a lost response returns the same file")
def _():
    session = open_session("resent.bin", DATA)
    parts = put_all(session.id, DATA)
    first = commit(session.id, parts, DATA).entries[0]
    second = commit(session.id, parts, DATA).entries[0]
    equal(second.to_dict(), first.to_dict())


@check("a part sent again gets the same response as the first time")
def _():
    session = open_session("part-again.bin", DATA)
    offset, data = parts_of(DATA)[2]
    first = put(session.id, offset, data, len(DATA))
    equal(put(session.id, offset, data, len(DATA)).to_dict(), first.to_dict())
    chunked.delete_file_upload_session_by_id(session.id)
