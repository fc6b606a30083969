/*
 * The sink: the least that a server can do with the parts of an upload. One thread receives PUT requests and writes
 * each body to one file, at the position in its Content-Range; with -s, it also computes the SHA-1 of each body and
 * compares it with the Digest header. It knows nothing of sessions, users, rows or syncs.
 *
 *   sink [-s] FILE
 *
 * It listens on a free port of 127.0.0.1, prints "listening on http://127.0.0.1:PORT", and runs until it is ended. It
 * closes a connection that sends anything that it does not expect.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"

#define MAX_HEAD 8192
#define BUFFER (1024 * 1024)
#define EVENTS 64
#define SHA1_BASE64 28

typedef struct {
  int fd;
  char head[MAX_HEAD + 1];
  size_t head_length;
  bool has_head;
  uint64_t left;     /* bytes of the body that have not arrived */
  uint64_t position; /* in the file, of the first byte of the buffer */
  char *buffer;
  size_t buffered;
  EVP_MD_CTX *hash;
} Connection;

typedef struct {
  int file;
  bool hashes;
  int listener;
  int epoll;
} Sink;

static void check(bool success, const char *what) {
  if (!success) fail("%s: %s", what, strerror(errno));
}

static void watch(const Sink *sink, int fd, Connection *connection) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  check(epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
}

static void listen_on_free_port(Sink *sink) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(sink->listener >= 0, "socket");
  check(bind(sink->listener, (struct sockaddr *)&address, length) == 0, "bind");
  check(listen(sink->listener, 128) == 0, "listen");
  check(getsockname(sink->listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
  sink->epoll = epoll_create1(EPOLL_CLOEXEC);
  check(sink->epoll >= 0, "epoll");
  watch(sink, sink->listener, NULL);
  printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

static void accept_connection(const Sink *sink) {
  Connection *connection = calloc(1, sizeof(Connection));
  if (connection == NULL) fail("out of memory");
  connection->fd = accept4(sink->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  check(connection->fd >= 0, "accept");
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connection->buffer = malloc(BUFFER);
  connection->hash = EVP_MD_CTX_new();
  if (connection->buffer == NULL || connection->hash == NULL) fail("out of memory");
  watch(sink, connection->fd, connection);
}

static void close_connection(Connection *connection) {
  close(connection->fd);
  EVP_MD_CTX_free(connection->hash);
  free(connection->buffer);
  free(connection);
}

static const char *find_header(const Connection *connection, const char *name) {
  const char *found = strcasestr(connection->head, name);
  return found == NULL ? NULL : found + strlen(name);
}

/* Parses the head if it is complete, and moves the bytes after it to the buffer. Returns false if it is not a PUT. */
static bool parse_head(const Sink *sink, Connection *connection) {
  connection->head[connection->head_length] = '\0';
  const char *end = strstr(connection->head, "\r\n\r\n");
  if (end == NULL) return connection->head_length < MAX_HEAD;
  const char *length = find_header(connection, "\r\ncontent-length: ");
  const char *range = find_header(connection, "\r\ncontent-range: bytes ");
  if (strncmp(connection->head, "PUT ", 4) != 0 || length == NULL || range == NULL) return false;
  connection->left = strtoull(length, NULL, 10);
  connection->position = strtoull(range, NULL, 10);
  connection->buffered = connection->head_length - (size_t)(end + 4 - connection->head);
  if (connection->buffered > connection->left) return false;
  memcpy(connection->buffer, end + 4, connection->buffered);
  connection->left -= connection->buffered;
  connection->has_head = true;
  return !sink->hashes || EVP_DigestInit_ex(connection->hash, EVP_sha1(), NULL) == 1;
}

static void write_buffer(const Sink *sink, Connection *connection) {
  if (sink->hashes) EVP_DigestUpdate(connection->hash, connection->buffer, connection->buffered);
  for (size_t written = 0; written < connection->buffered;) {
    ssize_t count = pwrite(sink->file, connection->buffer + written, connection->buffered - written,
                           (off_t)(connection->position + written));
    check(count >= 0, "write");
    written += (size_t)count;
  }
  connection->position += connection->buffered;
  connection->buffered = 0;
}

static bool has_expected_digest(Connection *connection) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned char text[EVP_MAX_MD_SIZE * 2];
  unsigned int length;
  EVP_DigestFinal_ex(connection->hash, digest, &length);
  EVP_EncodeBlock(text, digest, (int)length);
  const char *expected = find_header(connection, "\r\ndigest: sha=");
  return expected != NULL && memcmp(expected, text, SHA1_BASE64) == 0;
}

static void respond(const Sink *sink, Connection *connection) {
  bool good = !sink->hashes || has_expected_digest(connection);
  const char *response = good ? "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
                              : "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  ssize_t sent = send(connection->fd, response, strlen(response), MSG_NOSIGNAL);
  check(sent == (ssize_t)strlen(response), "send");
  connection->has_head = false;
  connection->head_length = 0;
}

/* Receives once. Returns false if the connection is to be closed. */
static bool receive(const Sink *sink, Connection *connection) {
  char *to = connection->has_head ? connection->buffer + connection->buffered
                                  : connection->head + connection->head_length;
  size_t room = connection->has_head ? BUFFER - connection->buffered : MAX_HEAD - connection->head_length;
  if (connection->has_head && room > connection->left) room = (size_t)connection->left;
  ssize_t received = recv(connection->fd, to, room, 0);
  if (received < 0) return errno == EAGAIN || errno == EINTR;
  if (received == 0) return false;
  if (connection->has_head) {
    connection->buffered += (size_t)received;
    connection->left -= (uint64_t)received;
  } else {
    connection->head_length += (size_t)received;
    if (!parse_head(sink, connection)) return false;
  }
  if (!connection->has_head) return true;
  if (connection->left == 0 || connection->buffered == BUFFER) write_buffer(sink, connection);
  if (connection->left == 0) respond(sink, connection);
  return true;
}

int main(int count, char **values) {
  Sink sink = {.hashes = false};
  for (int option; (option = getopt(count, values, "s")) != -1;) {
    if (option != 's') exit(1);
    sink.hashes = true;
  }
  if (count - optind != 1) fail("usage: sink [-s] FILE");
  sink.file = open(values[optind], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  check(sink.file >= 0, values[optind]);
  listen_on_free_port(&sink);
  struct epoll_event events[EVENTS];
  for (;;) {
    int ready = epoll_wait(sink.epoll, events, EVENTS, -1);
    check(ready >= 0 || errno == EINTR, "epoll");
    for (int index = 0; index < ready; index++) {
      Connection *connection = events[index].data.ptr;
      if (connection == NULL) accept_connection(&sink);
      else if (!receive(&sink, connection)) close_connection(connection);
    }
  }
}
