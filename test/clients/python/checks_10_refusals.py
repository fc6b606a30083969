import io

from box_sdk_gen import BoxDeveloperTokenAuth, BoxSDKError, UploadPart
from client_10 import api_refused, client, commit, connect, download, open_session, put, put_all
from lab import PART_SIZE, check, equal, parts_of, refused, seeded_bytes, sha1_digest, sha1_hex

DATA = seeded_bytes(3 * PART_SIZE + 99, "refusals")
FIRST, SECOND, *_REST = parts_of(DATA)
chunked = client.chunked_uploads


def stored(session_id):
    return chunked.get_file_upload_session_parts(session_id).total_count


@check("a part whose bytes do not match its digest is digest_mismatch and is not stored")
def _():
    id = open_session("wrong-part.bin", DATA).id
    api_refused(lambda: put(id, *FIRST, len(DATA), digest=sha1_digest(b"other")), 400, "digest_mismatch")
    equal(stored(id), 0)
    equal(put(id, *FIRST, len(DATA)).sha_1, sha1_hex(FIRST[1]))


@check("a wrong whole-file digest is digest_mismatch; the session stays open and can be committed")
def _():
    id = open_session("wrong-whole.bin", DATA).id
    parts = put_all(id, DATA)
    api_refused(lambda: commit(id, parts, b"something else"), 400, "digest_mismatch")
    equal(download(commit(id, parts, DATA).entries[0].id), DATA)


@check("a commit with a part that was not stored is parts_mismatch")
def _():
    id = open_session("missing-part.bin", DATA).id
    parts = [put(id, offset, part, len(DATA)) for offset, part in parts_of(DATA)[1:]]
    absent = UploadPart(part_id="0BADF00D", offset=0, size=PART_SIZE, sha_1=sha1_hex(FIRST[1]))
    api_refused(lambda: commit(id, [absent, *parts], DATA), 400, "parts_mismatch")
    late = put(id, *FIRST, len(DATA))
    equal(commit(id, [late, *parts], DATA).entries[0].sha_1, sha1_hex(DATA))


@check("other bytes for a stored range are range_overlaps_existing_part")
def _():
    id = open_session("overlap.bin", DATA).id
    put(id, *FIRST, len(DATA))
    api_refused(lambda: put(id, 0, SECOND[1], len(DATA)), 409, "range_overlaps_existing_part")


@check("a range outside the part layout or with another total is 416")
def _():
    id = open_session("off-grid.bin", DATA).id
    api_refused(lambda: put(id, 1, FIRST[1], len(DATA)), 416)
    api_refused(lambda: put(id, *FIRST, len(DATA) + 1), 416)
    equal(stored(id), 0)


@check("an aborted session no longer exists, and one that never existed is upload_session_not_found")
def _():
    id = open_session("aborted.bin", DATA).id
    chunked.delete_file_upload_session_by_id(id)
    api_refused(lambda: put(id, *FIRST, len(DATA)), 404)
    never = "0123456789ABCDEF0123456789ABCDEF"
    api_refused(lambda: chunked.get_file_upload_session_by_id(never), 404, "upload_session_not_found")


@check("a taken name is item_name_in_use, with the existing file as one object")
def _():
    file = chunked.upload_big_file(io.BytesIO(DATA), "taken.bin", len(DATA), "0")
    refusal = api_refused(lambda: open_session("TAKEN.bin", DATA), 409, "item_name_in_use")
    equal(refusal.response_info.context_info["conflicts"]["id"], file.id)


@check("a file too small for a session is file_size_too_small")
def _():
    api_refused(lambda: open_session("small.bin", DATA[: PART_SIZE - 1]), 400, "file_size_too_small")


@check("an invalid token makes the SDK request a new one")
def _():
    stranger = connect(BoxDeveloperTokenAuth(token="not-the-token"))
    refused(lambda: stranger.users.get_user_me(), error=BoxSDKError, is_it=lambda error: "new one" in str(error))
