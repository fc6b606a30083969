"""The unmodified boxsdk 10 with other base URLs."""

import io

from box_sdk_gen import (
    BaseUrls,
    BoxAPIError,
    BoxCCGAuth,
    BoxClient,
    BoxDeveloperTokenAuth,
    BoxJWTAuth,
    CCGConfig,
    JWTConfig,
    UploadFileAttributes,
    UploadFileAttributesParentField,
)
from lab import PART_SIZE, SERVER, TOKEN, parts_of, refused, sha1_digest


def connect(auth=None):
    base_urls = BaseUrls(base_url=SERVER, upload_url=f"{SERVER}/api", oauth_2_url=f"{SERVER}/api/oauth2")
    return BoxClient(auth=auth or BoxDeveloperTokenAuth(token=TOKEN)).with_custom_base_urls(base_urls=base_urls)


def connect_as_app(client_id, client_secret, **subject):
    return connect(BoxCCGAuth(CCGConfig(client_id=client_id, client_secret=client_secret, **subject)))


def connect_with_jwt(config_file):
    return connect(BoxJWTAuth(JWTConfig.from_config_file(config_file)))


client = connect()


def is_refusal(status, code=None):
    """For `refused`: a BoxAPIError with this status and code."""

    def is_it(error):
        info = error.response_info
        return info.status_code == status and (code is None or info.code == code)

    return is_it


def api_refused(call, status, code=None):
    return refused(call, error=BoxAPIError, is_it=is_refusal(status, code))


def upload(name, data, parent="0", **options):
    attributes = UploadFileAttributes(name=name, parent=UploadFileAttributesParentField(id=parent))
    return client.uploads.upload_file(attributes, io.BytesIO(data), **options).entries[0]


def download(file_id, **options):
    return client.downloads.download_file(file_id, **options).read()


def open_session(name, data):
    return client.chunked_uploads.create_file_upload_session("0", len(data), name)


def put(session_id, offset, part, total, digest=None):
    content_range = f"bytes {offset}-{offset + len(part) - 1}/{total}"
    digest = digest or sha1_digest(part)
    return client.chunked_uploads.upload_file_part(session_id, io.BytesIO(part), digest, content_range).part


def put_all(session_id, data):
    return [put(session_id, offset, part, len(data)) for offset, part in parts_of(data)]


def commit(session_id, parts, data, **options):
    return client.chunked_uploads.create_file_upload_session_commit(session_id, parts, sha1_digest(data), **options)
