"""boxsdk 3, the unmodified legacy Python SDK with other addresses in its configuration."""

import hashlib
import io
import os
import tempfile

import requests
from boxsdk import BoxAPIException, BoxException, CCGAuth, Client, JWTAuth, OAuth2
from boxsdk.config import API
from lab import PART_SIZE, SERVER, TOKEN, check, equal, parts_of, refused, run_checks, seeded_bytes, sha1_hex

API.BASE_API_URL = f"{SERVER}/2.0"
API.UPLOAD_URL = f"{SERVER}/api/2.0"
API.OAUTH2_API_URL = f"{SERVER}/oauth2"

client = Client(OAuth2(client_id="partway-tests", client_secret="unused with a developer token", access_token=TOKEN))
root = client.folder("0")

DATA = seeded_bytes(9 * PART_SIZE + 4321, "boxsdk 3")
PARTS = parts_of(DATA)


def api_refused(call, status, code):
    return refused(call, error=BoxAPIException, is_it=lambda error: (error.status, error.code) == (status, code))


def on_disk(data):
    file = tempfile.NamedTemporaryFile(dir=os.environ["LAB_WORK"], delete=False)
    with file:
        file.write(data)
    return file.name


class LosesTheNetwork(io.BytesIO):
    """The bytes of a file; when its fourth part has been read, uploads go to a closed port."""

    def read(self, size=-1):
        if self.tell() >= 3 * PART_SIZE:
            API.UPLOAD_URL = "https://127.0.0.1:1/api/2.0"
        return super().read(size)


@check("a loop over upload_part_bytes(part_bytes, offset, total_size) and a commit upload a file")
def _():
    session = root.create_upload_session(file_size=len(DATA), file_name="by-hand.bin")
    equal((session.part_size, session.total_parts, session.num_parts_processed), (PART_SIZE, len(PARTS), 0))
    source, sha1, parts = io.BytesIO(DATA), hashlib.sha1(), []
    for number in range(session.total_parts):
        part_bytes = source.read(session.part_size)
        part = session.upload_part_bytes(part_bytes, number * session.part_size, len(DATA))
        equal(part["sha1"], sha1_hex(part_bytes))
        parts.append(part)
        sha1.update(part_bytes)
    file = session.commit(content_sha1=sha1.digest(), parts=parts)
    equal((file.name, file.size, file.sha1), ("by-hand.bin", len(DATA), sha1_hex(DATA)))
    equal(client.file(file.id).content(), DATA)


@check("a commit without a list of parts reads the list in pages, and accepts a description")
def _():
    session = root.create_upload_session(len(DATA), "listed.bin")
    for offset, data in reversed(PARTS):
        session.upload_part_bytes(data, offset, len(DATA))
    equal([part["offset"] for part in session.get_parts(limit=3)], [offset for offset, _ in PARTS])
    attributes = {"description": "uploaded by a lab", "content_modified_at": "2020-02-29T12:34:56+00:00"}
    file = session.commit(hashlib.sha1(DATA).digest(), file_attributes=attributes)
    equal(file.description, "uploaded by a lab")
    assert file.content_modified_at.startswith("2020-02-29T12:34:56"), file.content_modified_at


@check("get_chunked_uploader uploads a file with five parts in parallel")
def _():
    file = root.get_chunked_uploader(file_path=on_disk(DATA), file_name="chunked.bin").start()
    equal((file.name, file.sha1), ("chunked.bin", sha1_hex(DATA)))


@check("get_chunked_uploader adds a version to a file")
def _():
    file = root.upload_stream(io.BytesIO(b"the first version"), "versions.bin")
    changed = client.file(file.id).get_chunked_uploader(file_path=on_disk(DATA)).start()
    equal((changed.id, changed.name, changed.etag), (file.id, "versions.bin", "1"))
    equal(client.file(file.id).content(), DATA)


@check("an upload resumes after its network connection was lost")
def _():
    API.CHUNK_UPLOAD_THREADS = 1
    session = root.create_upload_session(len(DATA), "resumed.bin")
    uploader = session.get_chunked_uploader_for_stream(content_stream=LosesTheNetwork(DATA), file_size=len(DATA))
    refused(uploader.start, error=requests.ConnectionError, is_it=lambda error: True)
    API.UPLOAD_URL = f"{SERVER}/api/2.0"
    equal(len(list(session.get_parts())), 3)
    API.CHUNK_UPLOAD_THREADS = 5
    equal(uploader.resume().sha1, sha1_hex(DATA))


@check("another process resumes a session with only its ID")
def _():
    session = root.create_upload_session(len(DATA), "other-process.bin")
    for offset, data in PARTS[:4]:
        session.upload_part_bytes(data, offset, len(DATA))
    again = client.upload_session(session.id).get()
    equal(again.num_parts_processed, 4)
    there = {part["offset"] for part in again.get_parts()}
    for offset, data in PARTS:
        if offset not in there:
            again.upload_part_bytes(data, offset, len(DATA))
    equal(again.commit(hashlib.sha1(DATA).digest()).sha1, sha1_hex(DATA))


@check("an aborted uploader leaves no session, and its name is free")
def _():
    uploader = root.get_chunked_uploader(file_path=on_disk(DATA), file_name="aborted.bin")
    equal(uploader.abort(), True)
    refused(uploader.start, error=BoxException, is_it=lambda error: True)
    equal(root.get_chunked_uploader(on_disk(DATA), file_name="aborted.bin").start().sha1, sha1_hex(DATA))


@check("a version session sends only a size, and the commit requires its etag")
def _():
    file = root.upload_stream(io.BytesIO(b"the first version"), "held.bin")
    session = client.file(file.id).create_upload_session(len(DATA))
    parts = [session.upload_part_bytes(data, offset, len(DATA)) for offset, data in PARTS]
    sha1 = hashlib.sha1(DATA).digest()
    api_refused(lambda: session.commit(sha1, parts, etag="7"), 412, "precondition_failed")
    equal(session.commit(sha1, parts, etag="0").id, file.id)


@check("upload, preflight, listing and deletion of a small file")
def _():
    folder = root.create_subfolder("inbox")
    folder.preflight_check(size=5, name="small.bin")
    file = folder.upload_stream(io.BytesIO(b"small"), "small.bin")
    equal([item.id for item in folder.get_items()], [file.id])
    api_refused(lambda: folder.preflight_check(size=5, name="small.bin"), 409, "item_name_in_use")
    file.delete()
    equal(list(folder.get_items()), [])
    folder.delete()


@check("errors are the same as Box's")
def _():
    session = root.create_upload_session(len(DATA), "refused.bin")
    session.upload_part_bytes(PARTS[0][1], 0, len(DATA))
    api_refused(
        lambda: session.upload_part_bytes(PARTS[1][1], 0, len(DATA)), 409, "range_overlaps_existing_part"
    )
    wrong = hashlib.sha1(b"other").digest()
    api_refused(
        lambda: session.upload_part_bytes(PARTS[1][1], PART_SIZE, len(DATA), wrong), 400, "digest_mismatch"
    )
    api_refused(lambda: root.create_upload_session(5, "tiny.bin"), 400, "file_size_too_small")
    equal(session.abort(), True)


@check("client_credentials return a token for the app's own user, or for a given user")
def _():
    app = {"client_id": os.environ["LAB_CLIENT_ID"], "client_secret": os.environ["LAB_CLIENT_SECRET"]}
    service = Client(CCGAuth(**app, enterprise_id=os.environ["LAB_ENTERPRISE_ID"]))
    equal(service.user().get(fields=["enterprise"]).enterprise["id"], os.environ["LAB_ENTERPRISE_ID"])
    equal(Client(CCGAuth(**app, user=os.environ["LAB_USER_ID"])).user().get().id, os.environ["LAB_USER_ID"])


@check("an app that signs its own assertions gets a token for its own user")
def _():
    service = Client(JWTAuth.from_settings_file(os.environ["LAB_JWT_CONFIG"]))
    equal(service.user().get(fields=["enterprise"]).enterprise["id"], os.environ["LAB_ENTERPRISE_ID"])


run_checks()
