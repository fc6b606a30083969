#include <cpuid.h>
#include <immintrin.h>

#include "sha1-kernel.h"
#include "sha1.h"

/* The instructions are used in these functions only, after the processor has been asked for them. */
#define TARGET __attribute__((target("sha,sse4.1,ssse3")))

typedef struct {
  __m128i abcd;
  __m128i e[2]; /* used in turns: the working variable e of this group of rounds and of the next one */
} Lane;

TARGET static inline Lane load_lane(const uint32_t *h) {
  Lane lane;
  lane.abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)h), 0x1b);
  lane.e[0] = _mm_set_epi32((int)h[4], 0, 0, 0);
  lane.e[1] = lane.e[0];
  return lane;
}

TARGET static inline void store_lane(uint32_t *h, const Lane *lane) {
  _mm_storeu_si128((__m128i *)h, _mm_shuffle_epi32(lane->abcd, 0x1b));
  h[4] = (uint32_t)_mm_extract_epi32(lane->e[0], 3);
}

TARGET static inline void add_lane(Lane *lane, const Lane *before) {
  lane->e[0] = _mm_sha1nexte_epu32(lane->e[0], before->e[0]);
  lane->abcd = _mm_add_epi32(lane->abcd, before->abcd);
}

/* Rounds 4i to 4i+3 of one state. The words of these rounds are w[i % 4]. */
#define ROUNDS(lane, i)                                                                        \
  do {                                                                                         \
    if ((i) == 0)                                                                              \
      (lane).e[0] = _mm_add_epi32((lane).e[0], w[0]);                                          \
    else                                                                                       \
      (lane).e[(i) % 2] = _mm_sha1nexte_epu32((lane).e[(i) % 2], w[(i) % 4]);                  \
    (lane).e[((i) + 1) % 2] = (lane).abcd;                                                     \
    (lane).abcd = _mm_sha1rnds4_epu32((lane).abcd, (lane).e[(i) % 2], (i) / 5);                \
  } while (0)

/* The message schedule, which does not depend on a state: prepares the words of later rounds. */
#define SCHEDULE(i)                                                                            \
  do {                                                                                         \
    if ((i) >= 3 && (i) <= 18) w[((i) + 1) % 4] = _mm_sha1msg2_epu32(w[((i) + 1) % 4], w[(i) % 4]); \
    if ((i) >= 1 && (i) <= 16) w[((i) + 3) % 4] = _mm_sha1msg1_epu32(w[((i) + 3) % 4], w[(i) % 4]); \
    if ((i) >= 2 && (i) <= 17) w[((i) + 2) % 4] = _mm_xor_si128(w[((i) + 2) % 4], w[(i) % 4]); \
  } while (0)

#define LOAD(i)                                                                                \
  do {                                                                                         \
    if ((i) < 4)                                                                               \
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)blocks + ((i) % 4)), big_endian); \
  } while (0)

#define BIG_ENDIAN_WORDS _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL)

TARGET void sha1_compress(uint32_t *h, const uint8_t *blocks, size_t count) {
  const __m128i big_endian = BIG_ENDIAN_WORDS;
  Lane lane = load_lane(h);
  for (; count > 0; count--, blocks += BLOCK) {
    const Lane before = lane;
    __m128i w[4];
#define GROUP(i) LOAD(i); ROUNDS(lane, i); SCHEDULE(i);
    ALL_GROUPS(GROUP)
#undef GROUP
    add_lane(&lane, &before);
  }
  store_lane(h, &lane);
}

TARGET void sha1_compress_both(uint32_t *first, uint32_t *second, const uint8_t *blocks, size_t count) {
  const __m128i big_endian = BIG_ENDIAN_WORDS;
  Lane a = load_lane(first);
  Lane b = load_lane(second);
  for (; count > 0; count--, blocks += BLOCK) {
    const Lane a_before = a;
    const Lane b_before = b;
    __m128i w[4];
#define GROUP(i) LOAD(i); ROUNDS(a, i); ROUNDS(b, i); SCHEDULE(i);
    ALL_GROUPS(GROUP)
#undef GROUP
    add_lane(&a, &a_before);
    add_lane(&b, &b_before);
  }
  store_lane(first, &a);
  store_lane(second, &b);
}

static bool has_instructions(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA)) return false;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3);
}

const char *sha1_kernel(void) {
  return has_instructions() ? "sha-ni" : NULL;
}
