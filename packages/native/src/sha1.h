#ifndef PARTWAY_SHA1_H
#define PARTWAY_SHA1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SHA-1 (FIPS 180-4) with a state that is plain data: it can be copied, stored, and continued by another process on a
 * machine with the same byte order. Only for processors with SHA-1 instructions; without them, this would be slower than
 * OpenSSL.
 */
typedef struct {
  uint32_t h[5];
  uint32_t reserved; /* always 0 */
  uint64_t length;   /* bytes so far */
  uint8_t tail[64];  /* the last length % 64 bytes */
} Sha1;

#define SHA1_BYTES 20

/* The name of the instructions that this build uses, or NULL if this processor lacks them. */
const char *sha1_kernel(void);

void sha1_init(Sha1 *sha1);

void sha1_update(Sha1 *sha1, const uint8_t *bytes, size_t length);

/*
 * Adds the same bytes to both states. This costs much less than two updates if both have processed a multiple of 64 bytes,
 * or leave the same remainder, because most of the work on a block does not depend on the state.
 */
void sha1_update_both(Sha1 *first, Sha1 *second, const uint8_t *bytes, size_t length);

/* Writes the digest of the bytes so far. The state stays as it is. */
void sha1_digest(const Sha1 *sha1, uint8_t digest[SHA1_BYTES]);

#endif
