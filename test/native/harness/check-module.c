/*
 * Checks a build of the native module: check-module FILE KERNEL CASES SEED.
 *
 * Computes the examples of FIPS 180 and random cases on the threads of the module, and compares them with another
 * SHA-1. KERNEL is the name of the instructions that the module should find, or "none".
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-node.h"
#include "reference.h"

#define HASH_BYTES 96
#define MAX_BYTES 1024

/* The kinds of jobs (packages/native/src/pool.h). */
enum { HASH, WRITE, READ, RECEIVE, SEND };

typedef struct {
  uint64_t words[HASH_BYTES / 8];
} Hash;

static uint64_t random_state;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void fill_random(uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)next_random();
}

static napi_value hash_value(Hash *hash) {
  return hash == NULL ? new_undefined() : new_uint8_array(hash, HASH_BYTES);
}

static void run(int kind, Hash *hash, Hash *second, napi_value buffers, int fd, int64_t length, int socket) {
  double progress[2] = {0};
  napi_value promise =
      call("run", new_number(kind), hash_value(hash), hash_value(second), buffers,
           new_number(fd), new_number(0), new_number(length), new_number(socket), new_float64_array(progress, 2), NULL);
  const int64_t error = await_promise(promise);
  if (error != 0) fail("a job of kind %d failed with %d", kind, (int)error);
}

static napi_value list_buffer(const uint8_t *bytes, size_t length) {
  napi_value *buffer = malloc(sizeof *buffer);
  *buffer = new_uint8_array((void *)bytes, length);
  return new_list(buffer, 1);
}

static void add(Hash *hash, Hash *second, const uint8_t *bytes, size_t length) {
  run(HASH, hash, second, list_buffer(bytes, length), -1, 0, -1);
}

static Hash start_hash(void) {
  Hash hash;
  memset(&hash, 0xff, sizeof hash);
  call("init", hash_value(&hash), NULL);
  return hash;
}

static void expect_digest(Hash *hash, const uint8_t *bytes, size_t length, const char *what) {
  uint8_t expected[20];
  reference_sha1(bytes, length, expected);
  if (memcmp(get_content(call("digest", hash_value(hash), NULL)), expected, sizeof expected) != 0)
    fail("%s: the digest of %zu bytes is wrong", what, length);
}

static void check_example(const char *text, int times, const char *digest) {
  Hash hash = start_hash();
  const size_t length = strlen(text);
  uint8_t *bytes = malloc(length * (size_t)times + 1);
  for (int i = 0; i < times; i++) memcpy(bytes + length * (size_t)i, text, length);
  add(&hash, NULL, bytes, length * (size_t)times);
  char hex[41];
  const uint8_t *found = get_content(call("digest", hash_value(&hash), NULL));
  for (int i = 0; i < 20; i++) sprintf(hex + 2 * i, "%02x", found[i]);
  if (strcmp(hex, digest) != 0) fail("%s, %d times: %s", text, times, hex);
  expect_digest(&hash, bytes, length * (size_t)times, "the reference");
  free(bytes);
}

static void check_examples(void) {
  check_example("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  check_example("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
  check_example("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  check_example("a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  check_example("0123456701234567012345670123456701234567012345670123456701234567", 10,
                "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

/* Two hashes that continue from one saved state, and the same bytes added to two hashes. */
static void check_random_case(void) {
  uint8_t bytes[MAX_BYTES], other[2 * MAX_BYTES];
  fill_random(bytes, sizeof bytes);
  fill_random(other, sizeof other);
  const size_t saved_at = next_random() % 300;
  const size_t added = next_random() % (MAX_BYTES - 300);
  const size_t end = saved_at + added;
  // In half of the cases, both hashes have the same number of bytes after a whole block, so that they share the work.
  const size_t other_at = next_random() % 2 == 0 ? saved_at % 64 : next_random() % 300;
  Hash hash = start_hash(), second = start_hash();
  add(&hash, NULL, bytes, saved_at);
  Hash saved = hash;
  add(&hash, NULL, bytes + saved_at, added);
  expect_digest(&hash, bytes, end, "a hash");
  add(&second, NULL, other, other_at);
  add(&saved, &second, bytes + saved_at, added);
  expect_digest(&saved, bytes, end, "a continued hash");
  memcpy(other + other_at, bytes + saved_at, added);
  expect_digest(&second, other, other_at + added, "a second hash");
}

/* Bytes that pass through a socket and a file. */
static void check_files(void) {
  const size_t length = 700001, sent = 1000;
  uint8_t *bytes = malloc(length), returned[1000];
  fill_random(bytes, length);
  FILE *file = tmpfile();
  int sockets[2];
  if (file == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) fail("there is no file or socket");
  Hash written = start_hash(), read = start_hash(), received = start_hash();
  run(WRITE, &written, NULL, list_buffer(bytes, length), fileno(file), 0, -1);
  expect_digest(&written, bytes, length, "written bytes");
  run(READ, &read, NULL, new_list(NULL, 0), fileno(file), (int64_t)length, -1);
  expect_digest(&read, bytes, length, "read bytes");
  if (send(sockets[0], bytes, sent, 0) != (ssize_t)sent) fail("the bytes cannot be sent");
  run(RECEIVE, &received, NULL, new_list(NULL, 0), fileno(file), (int64_t)sent, sockets[1]);
  expect_digest(&received, bytes, sent, "received bytes");
  run(SEND, NULL, NULL, new_list(NULL, 0), fileno(file), (int64_t)sent, sockets[1]);
  if (recv(sockets[0], returned, sent, MSG_WAITALL) != (ssize_t)sent || memcmp(returned, bytes, sent) != 0)
    fail("the bytes that were sent are wrong");
  free(bytes);
}

int main(int count, char **arguments) {
  if (count != 5) fail("usage: check-module FILE KERNEL CASES SEED");
  const int cases = atoi(arguments[3]);
  random_state = strtoull(arguments[4], NULL, 10) | 1;
  load_module(arguments[1]);
  const char *kernel = get_content(call("kernel", NULL));
  if (kernel == NULL) kernel = "none";
  if (strcmp(kernel, arguments[2]) != 0) fail("the instructions are %s", kernel);
  const bool is_usable = strcmp(kernel, "none") != 0;
  if (is_usable) {
    call("start", new_number(2), NULL);
    check_examples();
    for (int i = 0; i < cases; i++) check_random_case();
    check_files();
    unload_module();
  }
  printf("%d cases, instructions: %s\n", is_usable ? cases : 0, kernel);
  return 0;
}
