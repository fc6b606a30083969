#include "sha1.h"

#include <string.h>

#include "sha1-kernel.h"

void sha1_init(Sha1 *sha1) {
  static const uint32_t initial[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  memset(sha1, 0, sizeof *sha1);
  memcpy(sha1->h, initial, sizeof initial);
}

/* Completes a block that has been started, if possible. Returns how many of the bytes were used. */
static size_t fill_tail(Sha1 *sha1, const uint8_t *bytes, size_t length) {
  size_t used = sha1->length % BLOCK;
  if (used == 0 || length == 0) return 0;
  size_t taken = BLOCK - used < length ? BLOCK - used : length;
  memcpy(sha1->tail + used, bytes, taken);
  sha1->length += taken;
  if (used + taken == BLOCK) sha1_compress(sha1->h, sha1->tail, 1);
  return taken;
}

/* Keeps the rest of the bytes, less than a block, after `blocks` whole ones. */
static void keep_tail(Sha1 *sha1, const uint8_t *rest, size_t length, size_t blocks) {
  memcpy(sha1->tail, rest, length);
  sha1->length += blocks * BLOCK + length;
}

void sha1_update(Sha1 *sha1, const uint8_t *bytes, size_t length) {
  size_t used = fill_tail(sha1, bytes, length);
  bytes += used;
  length -= used;
  if (length == 0) return;
  size_t blocks = length / BLOCK;
  sha1_compress(sha1->h, bytes, blocks);
  keep_tail(sha1, bytes + blocks * BLOCK, length % BLOCK, blocks);
}

void sha1_update_both(Sha1 *first, Sha1 *second, const uint8_t *bytes, size_t length) {
  if (first->length % BLOCK != second->length % BLOCK) {
    sha1_update(first, bytes, length);
    sha1_update(second, bytes, length);
    return;
  }
  size_t used = fill_tail(first, bytes, length);
  fill_tail(second, bytes, length);
  bytes += used;
  length -= used;
  if (length == 0) return;
  size_t blocks = length / BLOCK;
  sha1_compress_both(first->h, second->h, bytes, blocks);
  keep_tail(first, bytes + blocks * BLOCK, length % BLOCK, blocks);
  keep_tail(second, bytes + blocks * BLOCK, length % BLOCK, blocks);
}

void sha1_digest(const Sha1 *sha1, uint8_t digest[SHA1_BYTES]) {
  Sha1 last = *sha1;
  const size_t used = last.length % BLOCK;
  const uint64_t bits = last.length * 8;
  uint8_t padding[2 * BLOCK] = {0x80};
  const size_t length = (used < BLOCK - 8 ? BLOCK : 2 * BLOCK) - used;
  for (int i = 0; i < 8; i++) padding[length - 1 - i] = (uint8_t)(bits >> (8 * i));
  sha1_update(&last, padding, length);
  for (int i = 0; i < SHA1_BYTES; i++) digest[i] = (uint8_t)(last.h[i / 4] >> (24 - 8 * (i % 4)));
}
