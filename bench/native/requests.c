#include "requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"

/* Returns the text of the file with a zero at its end. */
static char *read_text(const char *path, size_t *length) {
  FILE *file = fopen(path, "r");
  struct stat stat;
  if (file == NULL || fstat(fileno(file), &stat) != 0) fail("%s: %s", path, strerror(errno));
  *length = (size_t)stat.st_size;
  char *text = malloc(*length + 1);
  if (text == NULL) fail("out of memory");
  if (fread(text, 1, *length, file) != *length) fail("%s cannot be read", path);
  text[*length] = '\0';
  fclose(file);
  return text;
}

Requests read_requests(const char *path) {
  size_t length;
  const char *text = read_text(path, &length);
  const char *end = text + length;
  Requests requests = {NULL, 0};
  size_t room = 0;
  while (text < end) {
    Request request;
    int line = 0;
    int found = sscanf(text, "%d %" SCNu64 " %" SCNu64 " %zu%n", &request.status, &request.offset, &request.length,
                       &request.head_length, &line);
    if (found != 4 || text[line] != '\n') fail("%s: request %zu has no valid first line", path, requests.count);
    request.head = text + line + 1;
    if (request.head > end || request.head_length > (size_t)(end - request.head)) {
      fail("%s: request %zu is incomplete", path, requests.count);
    }
    text = request.head + request.head_length;
    if (requests.count == room) {
      room = room == 0 ? 64 : room * 2;
      requests.items = realloc(requests.items, room * sizeof(Request));
      if (requests.items == NULL) fail("out of memory");
    }
    requests.items[requests.count++] = request;
  }
  return requests;
}
