/*
 * A connection to the server: a TCP socket, or TLS over one. Opening it waits until it is connected; after that,
 * nothing waits. TLS needs OpenSSL, and is compiled in with WITH_TLS. Errors end the program.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Instead of a number of bytes: nothing can be sent or received now. */
#define CHANNEL_WAIT (-1)

typedef struct {
  int fd;
  void *tls;
} Channel;

/* The bytes that bodies consist of, as a file and in memory. */
typedef struct {
  int fd;
  const char *bytes;
  uint64_t size;
} Body;

/* Makes all channels use TLS, and trust the certificates in this file. Call it before the first channel_open. */
void channel_use_tls(const char *ca_file);

Channel channel_open(const char *address, uint16_t port);
void channel_close(Channel *channel);

/* Sends bytes. Returns how many were sent, or CHANNEL_WAIT. `more` says that others follow immediately. */
ssize_t channel_send(Channel *channel, const char *bytes, size_t length, bool more);

/* Sends bytes of the body from `offset`; all have to be within it. Without TLS, they are not copied. */
ssize_t channel_send_body(Channel *channel, const Body *body, uint64_t offset, size_t length);

/* Receives bytes. Returns how many were received, 0 at the end, or CHANNEL_WAIT. */
ssize_t channel_receive(Channel *channel, char *bytes, size_t length);

/* Receives and discards bytes; `scratch` is memory of this length. Without TLS, they are not copied. */
ssize_t channel_discard(Channel *channel, char *scratch, size_t length);

#endif
