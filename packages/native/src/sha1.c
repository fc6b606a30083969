#include "sha1.h"

#include <string.h>

#define BLOCK 64

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define KERNEL "sha-ni"
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

#define ALL_GROUPS(G)                                                                          \
  G(0) G(1) G(2) G(3) G(4) G(5) G(6) G(7) G(8) G(9) G(10) G(11) G(12) G(13) G(14) G(15) G(16) G(17) G(18) G(19)

#define BIG_ENDIAN_WORDS _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL)

TARGET static void compress(uint32_t *h, const uint8_t *blocks, size_t count) {
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

TARGET static void compress_both(uint32_t *first, uint32_t *second, const uint8_t *blocks, size_t count) {
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

#else

#define KERNEL NULL

/* Never called: nothing is hashed without the instructions. */
static void compress(uint32_t *h, const uint8_t *blocks, size_t count) { (void)h, (void)blocks, (void)count; }
static void compress_both(uint32_t *a, uint32_t *b, const uint8_t *blocks, size_t count) { (void)a, (void)b, (void)blocks, (void)count; }
static bool has_instructions(void) { return false; }

#endif

const char *sha1_kernel(void) {
  return has_instructions() ? KERNEL : NULL;
}

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
  if (used + taken == BLOCK) compress(sha1->h, sha1->tail, 1);
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
  compress(sha1->h, bytes, blocks);
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
  compress_both(first->h, second->h, bytes, blocks);
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
