/*
 * Reads one response of HTTP/1.1 from bytes as they arrive. A response has a Content-Length or no body; chunked
 * responses are an error, and errors end the program.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_HEAD 16384

typedef struct {
  char head[MAX_HEAD + 1];
  size_t head_length;
  bool has_head;
  int status;
  /* The server closes the connection after this response. */
  bool closes;
  uint64_t body_length;
  /* Bytes of the body that have not arrived. */
  uint64_t left;
  /* The body, if it is kept; errors are always kept. */
  char *body;
} Response;

void response_start(Response *response);

/* Adds bytes. Returns whether the response is complete. `keep` says whether to keep the body. */
bool response_add(Response *response, const char *bytes, size_t length, bool keep);

/* The same for bytes of the body that were discarded; at most `left`. */
bool response_skip(Response *response, uint64_t length);

#endif
