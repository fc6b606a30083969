/*
 * The list of requests that the load generator sends. Each starts with a line of four numbers, which is followed by
 * the complete head of the request, as it is sent:
 *
 *   STATUS OFFSET LENGTH HEAD_BYTES
 *   PUT /path HTTP/1.1
 *   ...
 *
 * STATUS is the expected one. OFFSET and LENGTH say which bytes of the body file are the body; beyond its end, the
 * file is repeated.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int status;
  uint64_t offset;
  uint64_t length;
  const char *head;
  size_t head_length;
} Request;

typedef struct {
  Request *items;
  size_t count;
} Requests;

/* Reads the file `path`. The result is never freed. */
Requests read_requests(const char *path);

#endif
