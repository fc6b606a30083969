#ifndef PARTWAY_SHA1_KERNEL_H
#define PARTWAY_SHA1_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/*
 * What one kind of processor has instructions for. There is a file for each kind, sha1-x64.c and sha1-arm64.c. A build
 * contains the one for its processor, and that file also defines sha1_kernel().
 */
#define BLOCK 64

/* Adds whole blocks to the state `h` of five words. */
void sha1_compress(uint32_t *h, const uint8_t *blocks, size_t count);

/* Adds the same blocks to two states. They share the message schedule. */
void sha1_compress_both(uint32_t *first, uint32_t *second, const uint8_t *blocks, size_t count);

/* The instructions compute four rounds at a time. Their numbers are constants, so there is no loop. */
#define ALL_GROUPS(G)                                                                          \
  G(0) G(1) G(2) G(3) G(4) G(5) G(6) G(7) G(8) G(9) G(10) G(11) G(12) G(13) G(14) G(15) G(16) G(17) G(18) G(19)

#endif
