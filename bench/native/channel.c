#define _GNU_SOURCE
#include "channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"

#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *tls_context;

__attribute__((noreturn)) static void fail_tls(const char *what) {
  fail("%s: %s", what, ERR_error_string(ERR_get_error(), NULL));
}

void channel_use_tls(const char *ca_file) {
  tls_context = SSL_CTX_new(TLS_client_method());
  if (tls_context == NULL) fail_tls("TLS");
  if (SSL_CTX_load_verify_locations(tls_context, ca_file, NULL) != 1) fail_tls(ca_file);
  SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void start_tls(Channel *channel, const char *address) {
  SSL *tls = SSL_new(tls_context);
  if (tls == NULL || SSL_set_fd(tls, channel->fd) != 1) fail_tls("TLS");
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), address) != 1) fail_tls(address);
  if (SSL_connect(tls) != 1) fail_tls("TLS handshake");
  channel->tls = tls;
}

static void end_tls(Channel *channel) {
  SSL_free(channel->tls);
}

/* Turns what SSL_write and SSL_read return into what the functions of this module return. */
static ssize_t check_tls(Channel *channel, int result) {
  if (result > 0) return result;
  switch (SSL_get_error(channel->tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return CHANNEL_WAIT;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      fail_tls("TLS");
  }
}

static ssize_t send_tls(Channel *channel, const char *bytes, size_t length) {
  return check_tls(channel, SSL_write(channel->tls, bytes, (int)length));
}

static ssize_t receive_tls(Channel *channel, char *bytes, size_t length) {
  return check_tls(channel, SSL_read(channel->tls, bytes, (int)length));
}
#else
static void *const tls_context = NULL;

void channel_use_tls(const char *ca_file) {
  fail("%s: this program was compiled without TLS", ca_file);
}

static void start_tls(Channel *channel, const char *address) {
  (void)channel;
  (void)address;
}

static void end_tls(Channel *channel) {
  (void)channel;
}

static ssize_t send_tls(Channel *channel, const char *bytes, size_t length) {
  (void)channel;
  (void)bytes;
  return (ssize_t)length;
}

static ssize_t receive_tls(Channel *channel, char *bytes, size_t length) {
  (void)channel;
  (void)bytes;
  return (ssize_t)length;
}
#endif

static ssize_t check(ssize_t result, const char *what) {
  if (result >= 0) return result;
  if (errno == EAGAIN || errno == EINTR) return CHANNEL_WAIT;
  fail("%s: %s", what, strerror(errno));
}

Channel channel_open(const char *address, uint16_t port) {
  Channel channel = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &server.sin_addr) != 1) fail("%s is not an IPv4 address", address);
  if (channel.fd < 0 || connect(channel.fd, (struct sockaddr *)&server, sizeof server) != 0) {
    fail("%s:%d: %s", address, port, strerror(errno));
  }
  int on = 1;
  setsockopt(channel.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls_context != NULL) start_tls(&channel, address);
  if (fcntl(channel.fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl: %s", strerror(errno));
  return channel;
}

void channel_close(Channel *channel) {
  if (channel->tls != NULL) end_tls(channel);
  close(channel->fd);
}

ssize_t channel_send(Channel *channel, const char *bytes, size_t length, bool more) {
  if (channel->tls != NULL) return send_tls(channel, bytes, length);
  return check(send(channel->fd, bytes, length, MSG_NOSIGNAL | (more ? MSG_MORE : 0)), "send");
}

ssize_t channel_send_body(Channel *channel, const Body *body, uint64_t offset, size_t length) {
  if (channel->tls != NULL) return send_tls(channel, body->bytes + offset, length);
  off_t from = (off_t)offset;
  return check(sendfile(channel->fd, body->fd, &from, length), "sendfile");
}

ssize_t channel_receive(Channel *channel, char *bytes, size_t length) {
  if (channel->tls != NULL) return receive_tls(channel, bytes, length);
  return check(recv(channel->fd, bytes, length, 0), "recv");
}

ssize_t channel_discard(Channel *channel, char *scratch, size_t length) {
  if (channel->tls != NULL) return receive_tls(channel, scratch, length);
  return check(recv(channel->fd, scratch, length, MSG_TRUNC), "recv");
}
