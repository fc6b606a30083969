#define _GNU_SOURCE
#include "response.h"

#include <string.h>
#include <strings.h>

#include "fail.h"

#define MAX_KEPT_BODY (1024 * 1024)

/* Returns the value of a header, which ends with CR LF; NULL without one. `name` is like "\r\ncontent-length:". */
static const char *find_header(const Response *response, const char *name) {
  const char *found = strcasestr(response->head, name);
  if (found == NULL) return NULL;
  found += strlen(name);
  return found + strspn(found, " ");
}

static bool starts_with(const char *text, const char *start) {
  return text != NULL && strncasecmp(text, start, strlen(start)) == 0;
}

static void parse_head(Response *response, bool keep) {
  if (sscanf(response->head, "HTTP/1.1 %d", &response->status) != 1) fail("not a response:\n%s", response->head);
  response->closes = starts_with(find_header(response, "\r\nconnection:"), "close");
  if (find_header(response, "\r\ntransfer-encoding:") != NULL) fail("a chunked response:\n%s", response->head);
  const char *length = find_header(response, "\r\ncontent-length:");
  bool has_no_body = response->status == 204 || response->status == 304;
  if (length == NULL && !has_no_body) fail("a response without a length:\n%s", response->head);
  response->body_length = has_no_body ? 0 : strtoull(length, NULL, 10);
  response->left = response->body_length;
  response->has_head = true;
  if (!keep && response->status < 400) return;
  if (response->body_length > MAX_KEPT_BODY) fail("a response is too long:\n%s", response->head);
  response->body = malloc(response->body_length + 1);
  if (response->body == NULL) fail("out of memory");
}

void response_start(Response *response) {
  response->head_length = 0;
  response->has_head = false;
  response->left = 0;
  response->body_length = 0;
  response->body = NULL;
}

/* Adds bytes to the head until it is complete, and returns how many belong to it. Skips 100 Continue and the like. */
static size_t add_to_head(Response *response, const char *bytes, size_t length, bool keep) {
  size_t before = response->head_length;
  size_t added = length < MAX_HEAD - before ? length : MAX_HEAD - before;
  memcpy(response->head + before, bytes, added);
  response->head[before + added] = '\0';
  const char *end = strstr(response->head, "\r\n\r\n");
  if (end == NULL) {
    response->head_length = before + added;
    if (response->head_length == MAX_HEAD) fail("the head of a response is too long");
    return added;
  }
  size_t head_length = (size_t)(end - response->head) + 4;
  response->head[head_length - 2] = '\0';
  if (starts_with(response->head, "HTTP/1.1 1")) {
    response->head_length = 0;
  } else {
    response->head_length = head_length;
    parse_head(response, keep);
  }
  return head_length - before;
}

bool response_add(Response *response, const char *bytes, size_t length, bool keep) {
  while (!response->has_head && length > 0) {
    size_t used = add_to_head(response, bytes, length, keep);
    bytes += used;
    length -= used;
  }
  if (!response->has_head) return false;
  if (length > response->left) fail("bytes after the end of a response:\n%s", response->head);
  if (response->body != NULL) memcpy(response->body + response->body_length - response->left, bytes, length);
  return response_skip(response, length);
}

bool response_skip(Response *response, uint64_t length) {
  response->left -= length;
  return response->left == 0;
}
