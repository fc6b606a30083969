#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "sha1-kernel.h"
#include "sha1.h"

/* The instructions are used in these functions only, after the processor has been asked for them. */
#define TARGET __attribute__((target("+crypto")))

typedef struct {
  uint32x4_t abcd;
  uint32_t e;
} Lane;

TARGET static inline Lane load_lane(const uint32_t *h) {
  return (Lane){vld1q_u32(h), h[4]};
}

TARGET static inline void store_lane(uint32_t *h, const Lane *lane) {
  vst1q_u32(h, lane->abcd);
  h[4] = lane->e;
}

TARGET static inline void add_lane(Lane *lane, const Lane *before) {
  lane->abcd = vaddq_u32(lane->abcd, before->abcd);
  lane->e += before->e;
}

/* Four words of a block, which are big endian. */
TARGET static inline uint32x4_t load_words(const uint8_t *bytes) {
  return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
}

#define LOAD_BLOCK(p) {load_words(p), load_words((p) + 16), load_words((p) + 32), load_words((p) + 48)}

static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};

#define ADD_CONSTANT(i) vaddq_u32(w[(i) % 4], vdupq_n_u32(constants[(i) / 5]))

/* Rounds 4i to 4i+3 of one state. `words` are the words of these rounds plus the constant. */
#define ROUNDS(lane, i, words)                                                                 \
  do {                                                                                         \
    const uint32_t e_ = (lane).e;                                                              \
    (lane).e = vsha1h_u32(vgetq_lane_u32((lane).abcd, 0));                                     \
    if ((i) / 5 == 0) (lane).abcd = vsha1cq_u32((lane).abcd, e_, (words));                     \
    else if ((i) / 5 == 2) (lane).abcd = vsha1mq_u32((lane).abcd, e_, (words));                \
    else (lane).abcd = vsha1pq_u32((lane).abcd, e_, (words));                                  \
  } while (0)

/* The message schedule, which does not depend on a state: replaces these words by those of four groups later. */
#define SCHEDULE(i)                                                                            \
  do {                                                                                         \
    uint32x4_t *now_ = &w[(i) % 4];                                                            \
    if ((i) < 16) *now_ = vsha1su1q_u32(vsha1su0q_u32(*now_, w[((i) + 1) % 4], w[((i) + 2) % 4]), w[((i) + 3) % 4]); \
  } while (0)

TARGET void sha1_compress(uint32_t *h, const uint8_t *blocks, size_t count) {
  Lane lane = load_lane(h);
  for (; count > 0; count--, blocks += BLOCK) {
    const Lane before = lane;
    uint32x4_t w[4] = LOAD_BLOCK(blocks);
#define GROUP(i) { const uint32x4_t words = ADD_CONSTANT(i); ROUNDS(lane, i, words); SCHEDULE(i); }
    ALL_GROUPS(GROUP)
#undef GROUP
    add_lane(&lane, &before);
  }
  store_lane(h, &lane);
}

TARGET void sha1_compress_both(uint32_t *first, uint32_t *second, const uint8_t *blocks, size_t count) {
  Lane a = load_lane(first);
  Lane b = load_lane(second);
  for (; count > 0; count--, blocks += BLOCK) {
    const Lane a_before = a;
    const Lane b_before = b;
    uint32x4_t w[4] = LOAD_BLOCK(blocks);
#define GROUP(i) { const uint32x4_t words = ADD_CONSTANT(i); ROUNDS(a, i, words); ROUNDS(b, i, words); SCHEDULE(i); }
    ALL_GROUPS(GROUP)
#undef GROUP
    add_lane(&a, &a_before);
    add_lane(&b, &b_before);
  }
  store_lane(first, &a);
  store_lane(second, &b);
}

const char *sha1_kernel(void) {
  return getauxval(AT_HWCAP) & HWCAP_SHA1 ? "armv8" : NULL;
}
