/*
 * The load generator of the benchmarks: sends a list of requests (requests.h) over some connections, one request at a
 * time on each, as fast as the server takes them, and checks the status of every response. It uses as little of the
 * processor as possible: one thread, heads that are complete before the clock starts, and bodies that go from the page
 * cache to the socket without being copied. Downloaded bytes are not copied either.
 *
 *   loadgen [-b BODY] [-c CONNECTIONS] [-k] [-t CA] ADDRESS PORT LIST
 *
 *   -b  the file with the bytes of all bodies
 *   -c  the number of connections; by default 1
 *   -k  prints the bodies of the responses
 *   -t  uses TLS and trusts the certificates in this file
 *
 * It prints a line of JSON. The clock runs from the first byte, with all connections open, to the last response.
 * `endedAt` is that moment on CLOCK_MONOTONIC. With -k, the body of each response follows in the order of the list: a
 * line with its number of bytes, the bytes, and a line break. It ends with a message and exit code 1 at the first
 * response with another status, at an error, and after a minute without any progress.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "fail.h"
#include "requests.h"
#include "response.h"

#define SLICE (1024 * 1024)
#define TIMEOUT_MILLIS 60000
#define EVENTS 64

typedef struct {
  char *bytes;
  uint64_t length;
} Answer;

typedef struct {
  const char *address;
  uint16_t port;
  int connections;
  bool keep;
  Body body;
  Requests requests;
  size_t next; /* request to send */
  size_t done;
  uint64_t sent_bytes; /* of bodies, as are the next ones */
  uint64_t received_bytes;
  Answer *answers; /* with -k, one for each request */
  int epoll;
  char *scratch; /* SLICE bytes */
} Run;

typedef struct {
  Channel channel;
  uint32_t events; /* that epoll reports */
  const Request *request; /* in progress; NULL if there is none */
  size_t head_sent;
  uint64_t body_sent;
  Response response;
} Connection;

static double read_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double read_cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* In bytes. getrusage has the peak of the program that started this one, if that was higher. */
static long read_peak_rss(void) {
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) fail("/proc/self/status: %s", strerror(errno));
  long kilobytes = 0;
  for (char line[256]; fgets(line, sizeof line, status) != NULL;) {
    if (sscanf(line, "VmHWM: %ld kB", &kilobytes) == 1) break;
  }
  fclose(status);
  return kilobytes * 1024;
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count == 0 ? 1 : count, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static Body open_body(const char *path) {
  struct stat stat;
  Body body = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
  if (body.fd < 0 || fstat(body.fd, &stat) != 0) fail("%s: %s", path, strerror(errno));
  body.size = (uint64_t)stat.st_size;
  void *bytes = mmap(NULL, body.size, PROT_READ, MAP_SHARED | MAP_POPULATE, body.fd, 0);
  if (bytes == MAP_FAILED) fail("%s: %s", path, strerror(errno));
  body.bytes = bytes;
  return body;
}

static void open_connection(Run *run, Connection *connection) {
  connection->channel = channel_open(run->address, run->port);
  connection->events = EPOLLIN;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, connection->channel.fd, &event) != 0) fail("epoll: %s", strerror(errno));
}

static void wait_for(Run *run, Connection *connection, uint32_t events) {
  if (connection->events == events) return;
  connection->events = events;
  struct epoll_event event = {.events = events, .data.ptr = connection};
  if (epoll_ctl(run->epoll, EPOLL_CTL_MOD, connection->channel.fd, &event) != 0) fail("epoll: %s", strerror(errno));
}

static bool is_sent(const Connection *connection) {
  const Request *request = connection->request;
  return connection->head_sent == request->head_length && connection->body_sent == request->length;
}

static ssize_t send_slice(Run *run, Connection *connection) {
  const Request *request = connection->request;
  if (connection->head_sent < request->head_length) {
    ssize_t sent = channel_send(&connection->channel, request->head + connection->head_sent,
                                request->head_length - connection->head_sent, request->length > 0);
    if (sent > 0) connection->head_sent += (size_t)sent;
    return sent;
  }
  uint64_t offset = (request->offset + connection->body_sent) % run->body.size;
  uint64_t length = request->length - connection->body_sent;
  if (length > run->body.size - offset) length = run->body.size - offset;
  if (length > SLICE) length = SLICE;
  ssize_t sent = channel_send_body(&connection->channel, &run->body, offset, (size_t)length);
  if (sent > 0) connection->body_sent += (uint64_t)sent;
  return sent;
}

/* Sends what the socket takes of the request in progress. */
static void send_more(Run *run, Connection *connection) {
  while (!is_sent(connection)) {
    if (send_slice(run, connection) != CHANNEL_WAIT) continue;
    wait_for(run, connection, EPOLLIN | EPOLLOUT);
    return;
  }
  wait_for(run, connection, EPOLLIN);
}

static void start_next(Run *run, Connection *connection) {
  connection->request = NULL;
  if (run->next == run->requests.count) return;
  connection->request = &run->requests.items[run->next++];
  connection->head_sent = 0;
  connection->body_sent = 0;
  response_start(&connection->response);
  send_more(run, connection);
}

static void finish(Run *run, Connection *connection) {
  const Request *request = connection->request;
  const Response *response = &connection->response;
  if (response->status != request->status) {
    fail("status %d instead of %d for %.*s\n%s%.*s", response->status, request->status,
         (int)strcspn(request->head, "\r"), request->head, response->head,
         response->body == NULL ? 0 : (int)response->body_length, response->body);
  }
  if (!is_sent(connection)) fail("a response before the end of its request:\n%s", response->head);
  run->sent_bytes += request->length;
  run->received_bytes += response->body_length;
  run->done++;
  if (run->keep) run->answers[request - run->requests.items] = (Answer){response->body, response->body_length};
  if (response->closes) {
    channel_close(&connection->channel);
    if (run->next < run->requests.count) open_connection(run, connection);
  }
  start_next(run, connection);
}

/* Receives once. Returns whether there may be more that epoll does not report, because TLS has it in memory. */
static bool receive_once(Run *run, Connection *connection) {
  Response *response = &connection->response;
  bool discards = connection->request != NULL && response->has_head && response->body == NULL;
  size_t length = discards && response->left < SLICE ? (size_t)response->left : SLICE;
  ssize_t received = discards ? channel_discard(&connection->channel, run->scratch, length)
                              : channel_receive(&connection->channel, run->scratch, length);
  if (received == CHANNEL_WAIT) return false;
  if (connection->request == NULL) {
    if (received > 0) fail("bytes that no request asked for");
    channel_close(&connection->channel); /* by the server, after the last request */
    return false;
  }
  if (received == 0) fail("the server closed a connection during %.60s", connection->request->head);
  bool complete = discards ? response_skip(response, (uint64_t)received)
                           : response_add(response, run->scratch, (size_t)received, run->keep);
  if (complete) finish(run, connection);
  return !complete && connection->channel.tls != NULL;
}

static void receive_more(Run *run, Connection *connection) {
  while (receive_once(run, connection)) continue;
}

static void send_all(Run *run, Connection *connections) {
  for (int index = 0; index < run->connections; index++) start_next(run, &connections[index]);
  struct epoll_event events[EVENTS];
  while (run->done < run->requests.count) {
    int count = epoll_wait(run->epoll, events, EVENTS, TIMEOUT_MILLIS);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    if (count == 0) fail("no progress, with %zu of %zu requests done", run->done, run->requests.count);
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & ~(uint32_t)EPOLLOUT) receive_more(run, connection);
      else if (connection->request != NULL) send_more(run, connection);
    }
  }
}

static void print_answers(const Run *run) {
  for (size_t index = 0; index < run->requests.count; index++) {
    const Answer *answer = &run->answers[index];
    printf("%" PRIu64 "\n", answer->length);
    fwrite(answer->bytes, 1, answer->length, stdout);
    putchar('\n');
  }
}

static Run parse_arguments(int count, char **values) {
  Run run = {.connections = 1};
  for (int option; (option = getopt(count, values, "b:c:kt:")) != -1;) {
    if (option == 'b') run.body = open_body(optarg);
    else if (option == 'c') run.connections = atoi(optarg);
    else if (option == 'k') run.keep = true;
    else if (option == 't') channel_use_tls(optarg);
    else exit(1);
  }
  if (count - optind != 3 || run.connections < 1) {
    fail("usage: loadgen [-b BODY] [-c CONNECTIONS] [-k] [-t CA] ADDRESS PORT LIST");
  }
  run.address = values[optind];
  run.port = (uint16_t)atoi(values[optind + 1]);
  run.requests = read_requests(values[optind + 2]);
  for (size_t index = 0; index < run.requests.count; index++) {
    if (run.requests.items[index].length > 0 && run.body.size == 0) fail("request %zu has a body: use -b", index);
  }
  return run;
}

int main(int count, char **values) {
  Run run = parse_arguments(count, values);
  run.answers = allocate(run.requests.count, sizeof(Answer));
  run.scratch = allocate(SLICE, 1);
  run.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (run.epoll < 0) fail("epoll: %s", strerror(errno));
  Connection *connections = allocate((size_t)run.connections, sizeof(Connection));
  for (int index = 0; index < run.connections; index++) open_connection(&run, &connections[index]);

  double cpu_before = read_cpu_seconds();
  double started_at = read_clock();
  send_all(&run, connections);
  double ended_at = read_clock();
  double cpu_seconds = read_cpu_seconds() - cpu_before;
  printf("{\"seconds\":%.6f,\"endedAt\":%.6f,\"cpuSeconds\":%.6f,", ended_at - started_at, ended_at, cpu_seconds);
  printf("\"peakRssBytes\":%ld,", read_peak_rss());
  printf("\"sentBytes\":%" PRIu64 ",\"receivedBytes\":%" PRIu64 "}\n", run.sent_bytes, run.received_bytes);
  if (run.keep) print_answers(&run);
  return 0;
}
