"""POST /files/upload_sessions/:id/plan, which boxsdk calls since 10.18 for a new version of a large file."""

import io

from client_10 import client, download
from lab import PART_SIZE, check, equal, run_checks, seeded_bytes, sha1_hex

chunked = client.chunked_uploads


@check("upload_big_file_version sends only the parts that changed")
def _():
    data = seeded_bytes(5 * PART_SIZE + 1234, "boxsdk 10, planned")
    file = chunked.upload_big_file(io.BytesIO(data), "planned.bin", len(data), "0")
    changed = data[:PART_SIZE] + seeded_bytes(PART_SIZE, "a part that changed") + data[2 * PART_SIZE :]
    version = chunked.upload_big_file_version(file.id, io.BytesIO(changed), len(changed))
    equal((version.id, version.etag, version.sha_1), (file.id, "1", sha1_hex(changed)))
    equal(download(file.id), changed)


run_checks()
