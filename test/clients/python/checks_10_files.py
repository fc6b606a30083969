import io
import os
from urllib.request import urlopen

from box_sdk_gen import (
    CreateFolderParent,
    PreflightFileUploadCheckParent,
    UploadFileVersionAttributes,
    UploadWithPreflightCheckAttributes,
    UploadWithPreflightCheckAttributesParentField,
)
from client_10 import api_refused, client, connect_as_app, connect_with_jwt, download, upload
from lab import SERVER, check, equal, seeded_bytes, sha1_hex

DATA = seeded_bytes(300_001, "direct upload")


@check("upload_file stores a file, which is downloaded byte for byte")
def _():
    file = upload("direct.bin", DATA)
    equal((file.name, file.size, file.sha_1, file.etag), ("direct.bin", len(DATA), sha1_hex(DATA), "0"))
    equal(download(file.id), DATA)


@check("upload_file stores an empty file")
def _():
    file = upload("empty.bin", b"")
    equal((file.size, file.sha_1), (0, sha1_hex(b"")))
    equal(download(file.id), b"")


@check("a content-md5 that is not the SHA-1 of the bytes is bad_digest")
def _():
    api_refused(lambda: upload("unproven.bin", DATA, content_md_5=sha1_hex(b"other")), 400, "bad_digest")
    equal(upload("proven.bin", DATA, content_md_5=sha1_hex(DATA)).sha_1, sha1_hex(DATA))


def preflight(name, size=len(DATA)):
    return client.uploads.preflight_file_upload_check(
        name=name, size=size, parent=PreflightFileUploadCheckParent(id="0")
    )


@check("preflight returns an upload URL for a free name and rejects a taken one")
def _():
    assert preflight("preflight.bin").upload_url.startswith(f"{SERVER}/")
    file = upload("preflight.bin", DATA)
    refusal = api_refused(lambda: preflight("preflight.bin"), 409, "item_name_in_use")
    equal(refusal.response_info.context_info["conflicts"]["id"], file.id)


@check("upload_with_preflight_check sends a preflight, and a negative size fails there")
def _():
    def send(size):
        attributes = UploadWithPreflightCheckAttributes(
            name="asked-first.bin", size=size, parent=UploadWithPreflightCheckAttributesParentField(id="0")
        )
        return client.uploads.upload_with_preflight_check(attributes, io.BytesIO(DATA))

    api_refused(lambda: send(-1), 400)
    equal(send(len(DATA)).entries[0].sha_1, sha1_hex(DATA))


@check("upload_file_version adds a version; if-match rejects an outdated etag")
def _():
    file = upload("versioned.bin", DATA)

    def send(etag):
        attributes = UploadFileVersionAttributes(name="versioned.bin")
        return client.uploads.upload_file_version(file.id, attributes, io.BytesIO(b"next"), if_match=etag).entries[0]

    changed = send("0")
    equal((changed.id, changed.etag), (file.id, "1"))
    equal(download(file.id), b"next")
    api_refused(lambda: send("0"), 412, "precondition_failed")


@check("a download redirects to a URL that needs no token; a range can be requested")
def _():
    file = upload("signed.bin", DATA)
    with urlopen(client.downloads.get_download_file_url(file.id)) as answer:
        equal(answer.read(), DATA)
    equal(download(file.id, range="bytes=1000-1999"), DATA[1000:2000])


@check("a file uploaded to a folder is listed there")
def _():
    folder = client.folders.create_folder("inbox", CreateFolderParent(id="0"))
    file = upload("in-folder.bin", DATA, folder.id)
    items = client.folders.get_folder_items(folder.id)
    equal((items.total_count, items.entries[0].id), (1, file.id))


@check("a folder is listed by markers with Python's usemarker=True")
def _():
    folder = client.folders.create_folder("marked", CreateFolderParent(id="0"))
    files = [upload(f"{number}.bin", b"a file", folder.id).id for number in range(3)]
    first = client.folders.get_folder_items(folder.id, usemarker=True, limit=2)
    assert first.next_marker, "there is another page"
    second = client.folders.get_folder_items(folder.id, usemarker=True, limit=2, marker=first.next_marker)
    equal([item.id for item in first.entries + second.entries], files)
    assert not second.next_marker, "there is no other page"


@check("a folder that is not empty is deleted with Python's recursive=True")
def _():
    folder = client.folders.create_folder("full", CreateFolderParent(id="0"))
    upload("in-the-way.bin", DATA, folder.id)
    api_refused(lambda: client.folders.delete_folder_by_id(folder.id), 400, "folder_not_empty")
    client.folders.delete_folder_by_id(folder.id, recursive=True)


@check("client_credentials return a token for the app's own user, or for a given user")
def _():
    app = (os.environ["LAB_CLIENT_ID"], os.environ["LAB_CLIENT_SECRET"])
    enterprise_id, user_id = os.environ["LAB_ENTERPRISE_ID"], os.environ["LAB_USER_ID"]
    me = connect_as_app(*app, enterprise_id=enterprise_id).users.get_user_me(fields=["enterprise"])
    equal(me.enterprise.id, enterprise_id)
    equal(connect_as_app(*app, user_id=user_id).users.get_user_me().id, user_id)
    stranger = connect_as_app(app[0], "not-the-secret-of-the-app", user_id=user_id)
    api_refused(lambda: stranger.users.get_user_me(), 400)


@check("an app that signs its own assertions gets a token for its own user")
def _():
    service = connect_with_jwt(os.environ["LAB_JWT_CONFIG"])
    me = service.users.get_user_me(fields=["enterprise"])
    equal(me.enterprise.id, os.environ["LAB_ENTERPRISE_ID"])
    equal(service.folders.get_folder_items("0").total_count, 0)
