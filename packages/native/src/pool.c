#define _GNU_SOURCE
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that are written and then hashed, or read and then hashed, while they are in the cache of the core. */
#define SLICE_BYTES (256 * 1024)
/* A job that reads more than this lets others run in between, so that a huge part delays nobody. */
#define TURN_BYTES (1024 * 1024)

/*
 * Bytes that have arrived wait in one queue, and bytes that are read again for the hash of a whole file in another. Half of
 * the threads prefer the one, half the other, and a single thread takes from them in turns. So neither delays the other for
 * long: a file whose hash lags behind is slow to commit.
 */
typedef struct {
  Job *first;
  Job **last;
} Queue;

struct Pool {
  pthread_mutex_t mutex;
  pthread_cond_t submitted;
  Queue arrived;
  Queue reads;
  /* Connections with nothing to receive or no room to send are watched by a thread that also ends their jobs (`watch`). */
  int epoll;
  int event; /* makes that thread look at `ended` */
  pthread_t watcher;
  Job *connected; /* all jobs with a connection */
  Job *ended;
  int started; /* threads that have chosen the queue that they prefer */
  bool stopping;
  JobDone done;
  void *context;
  int thread_count;
  pthread_t threads[];
};

static void append(Pool *pool, Job *job) {
  Queue *queue = job->kind == JOB_READ ? &pool->reads : &pool->arrived;
  job->next = NULL;
  *queue->last = job;
  queue->last = &job->next;
}

static Job *take(Queue *queue) {
  Job *job = queue->first;
  if (job == NULL) return NULL;
  queue->first = job->next;
  if (queue->first == NULL) queue->last = &queue->first;
  return job;
}

static Job *take_first(Pool *pool, bool prefers_reads) {
  Job *job = take(prefers_reads ? &pool->reads : &pool->arrived);
  return job != NULL ? job : take(prefers_reads ? &pool->arrived : &pool->reads);
}

static bool has_connection(const Job *job) {
  return job->kind == JOB_RECEIVE || job->kind == JOB_SEND;
}

static void add_to_hashes(const Job *job, const void *bytes, size_t length) {
  if (job->second != NULL)
    sha1_update_both(job->hash, job->second, bytes, length);
  else if (job->hash != NULL)
    sha1_update(job->hash, bytes, length);
}

/* Removes `length` bytes from the front of the buffers. */
static void skip(Job *job, size_t length) {
  while (length > 0) {
    struct iovec *buffer = job->buffers;
    size_t skipped = buffer->iov_len < length ? buffer->iov_len : length;
    buffer->iov_base = (uint8_t *)buffer->iov_base + skipped;
    buffer->iov_len -= skipped;
    length -= skipped;
    if (buffer->iov_len > 0) return;
    job->buffers++;
    job->buffer_count--;
  }
}

/* Counts the buffers at the front that are a slice together: at least one, and as many as one system call accepts. */
static int count_slice(const Job *job) {
  size_t bytes = job->buffers[0].iov_len;
  int count = 1;
  while (count < job->buffer_count && count < IOV_MAX && bytes + job->buffers[count].iov_len <= SLICE_BYTES)
    bytes += job->buffers[count++].iov_len;
  return count;
}

static void hash_slice(const Job *job, int count) {
  for (int i = 0; i < count; i++) add_to_hashes(job, job->buffers[i].iov_base, job->buffers[i].iov_len);
}

static void drop_empty_buffers(Job *job) {
  while (job->buffer_count > 0 && job->buffers[0].iov_len == 0) {
    job->buffers++;
    job->buffer_count--;
  }
}

/* Writes all bytes at the position of the job, and moves that. Returns false if it failed. */
static bool write_at_position(Job *job, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = pwrite(job->fd, bytes, length, (off_t)job->position);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      job->error = written < 0 ? errno : EIO;
      return false;
    }
    job->position += (uint64_t)written;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

static void run_hash(Job *job) {
  hash_slice(job, job->buffer_count);
}

/* A slice is hashed before it is written, because writing it can take several calls. */
static void run_write(Job *job) {
  for (drop_empty_buffers(job); job->buffer_count > 0; drop_empty_buffers(job)) {
    const int end = job->buffer_count - count_slice(job);
    hash_slice(job, job->buffer_count - end);
    while (job->buffer_count > end) {
      ssize_t written = pwritev(job->fd, job->buffers, job->buffer_count - end, (off_t)job->position);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        job->error = written < 0 ? errno : EIO;
        return;
      }
      job->position += (uint64_t)written;
      skip(job, (size_t)written);
      drop_empty_buffers(job);
    }
  }
}

typedef enum { ENDED, UNFINISHED, WAITING } Outcome;

static Outcome run_read(Job *job, uint8_t *buffer) {
  for (uint64_t turn = 0; job->length > 0;) {
    if (turn >= TURN_BYTES) return UNFINISHED;
    size_t wanted = job->length < SLICE_BYTES ? (size_t)job->length : SLICE_BYTES;
    ssize_t got = pread(job->fd, buffer, wanted, (off_t)job->position);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      job->error = got < 0 ? errno : JOB_ENDED_EARLY;
      return ENDED;
    }
    add_to_hashes(job, buffer, (size_t)got);
    job->position += (uint64_t)got;
    job->length -= (uint64_t)got;
    turn += (uint64_t)got;
  }
  return ENDED;
}

/* Never receives more than belongs to the job: what follows is the next request. */
static Outcome run_receive(Job *job, uint8_t *buffer) {
  for (uint64_t turn = 0; job->length > 0 && job->error == 0;) {
    if (turn >= TURN_BYTES) return UNFINISHED;
    size_t wanted = job->length < SLICE_BYTES ? (size_t)job->length : SLICE_BYTES;
    ssize_t got = recv(job->socket, buffer, wanted, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return WAITING;
    if (got <= 0) {
      job->error = got < 0 ? errno : JOB_ENDED_EARLY;
      return ENDED;
    }
    job->progress->moved += (double)got;
    job->length -= (uint64_t)got;
    turn += (uint64_t)got;
    add_to_hashes(job, buffer, (size_t)got);
    if (!write_at_position(job, buffer, (size_t)got)) return ENDED;
  }
  return ENDED;
}

/* The bytes go from the page cache to the connection without passing through this process. */
static Outcome run_send(Job *job) {
  for (uint64_t turn = 0; job->length > 0 && job->error == 0;) {
    if (turn >= TURN_BYTES) return UNFINISHED;
    off_t position = (off_t)job->position;
    ssize_t sent = sendfile(job->socket, job->fd, &position, job->length < TURN_BYTES ? (size_t)job->length : TURN_BYTES);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return WAITING;
    if (sent <= 0) {
      job->error = sent < 0 ? errno : JOB_ENDED_EARLY;
      return ENDED;
    }
    job->progress->moved += (double)sent;
    job->position += (uint64_t)sent;
    job->length -= (uint64_t)sent;
    turn += (uint64_t)sent;
  }
  return ENDED;
}

static Outcome run(Job *job, uint8_t *buffer) {
  switch (job->kind) {
    case JOB_HASH:
      run_hash(job);
      return ENDED;
    case JOB_WRITE:
      run_write(job);
      return ENDED;
    case JOB_READ:
      return run_read(job, buffer);
    case JOB_RECEIVE:
      return run_receive(job, buffer);
    case JOB_SEND:
      return run_send(job);
  }
  return ENDED;
}

static void wake_watcher(Pool *pool) {
  const uint64_t one = 1;
  while (write(pool->event, &one, sizeof one) < 0 && errno == EINTR) continue;
}

/* The functions below are called with the mutex locked. */

static void set_waiting(Job *job, bool waiting) {
  job->progress->waiting = waiting ? 1 : 0;
}

/* Watches a connection until it can be read, or written to: then it does not matter if the client has closed its side. */
static void start_waiting(Pool *pool, Job *job) {
  const uint32_t ready = job->kind == JOB_SEND ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
  struct epoll_event event = {.events = ready | EPOLLONESHOT, .data.ptr = job};
  set_waiting(job, true);
  if (epoll_ctl(pool->epoll, EPOLL_CTL_MOD, job->socket, &event) == 0) return;
  if (errno == ENOENT && epoll_ctl(pool->epoll, EPOLL_CTL_ADD, job->socket, &event) == 0) return;
  job->error = errno;
  set_waiting(job, false);
  append(pool, job);
}

static void stop_waiting(Pool *pool, Job *job) {
  if (job->progress->waiting == 0) return;
  set_waiting(job, false);
  append(pool, job);
  pthread_cond_signal(&pool->submitted);
}

/*
 * Passes a job to the watcher, which may just have got an event with a pointer to it. The watcher handles its events before
 * it ends jobs, so it never uses a job that is over.
 */
static void end_connected(Pool *pool, Job *job) {
  if (job->previous_connected != NULL) job->previous_connected->next_connected = job->next_connected;
  else pool->connected = job->next_connected;
  if (job->next_connected != NULL) job->next_connected->previous_connected = job->previous_connected;
  epoll_ctl(pool->epoll, EPOLL_CTL_DEL, job->socket, NULL);
  close(job->socket);
  job->next = pool->ended;
  pool->ended = job;
  wake_watcher(pool);
}

static void continue_later(Pool *pool, Job *job, Outcome outcome) {
  if (outcome == ENDED) end_connected(pool, job);
  else if (outcome == WAITING && job->error == 0) start_waiting(pool, job);
  else append(pool, job);
}

/* The thread that watches connections. */
static void *watch(void *argument) {
  Pool *pool = argument;
  for (bool stopping = false; !stopping;) {
    struct epoll_event events[64];
    uint64_t ignored;
    const int count = epoll_wait(pool->epoll, events, 64, -1);
    pthread_mutex_lock(&pool->mutex);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr != NULL) stop_waiting(pool, events[i].data.ptr);
      else if (read(pool->event, &ignored, sizeof ignored) < 0) continue;
    }
    Job *ended = pool->ended;
    pool->ended = NULL;
    stopping = pool->stopping;
    pthread_mutex_unlock(&pool->mutex);
    for (Job *next; ended != NULL; ended = next) {
      next = ended->next;
      pool->done(ended, pool->context);
    }
  }
  return NULL;
}

static void *serve(void *argument) {
  Pool *pool = argument;
  uint8_t *buffer = aligned_alloc(4096, SLICE_BYTES);
  pthread_mutex_lock(&pool->mutex);
  bool prefers_reads = pool->started++ % 2 == 1;
  while (!pool->stopping) {
    if (pool->started == 1) prefers_reads = !prefers_reads;
    Job *job = take_first(pool, prefers_reads);
    if (job == NULL) {
      pthread_cond_wait(&pool->submitted, &pool->mutex);
      continue;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (buffer == NULL) job->error = ENOMEM;
    const Outcome outcome = buffer == NULL ? ENDED : run(job, buffer);
    const bool is_connected = has_connection(job);
    if (outcome == ENDED && !is_connected) pool->done(job, pool->context);
    pthread_mutex_lock(&pool->mutex);
    if (is_connected) continue_later(pool, job, outcome);
    else if (outcome != ENDED) append(pool, job);
  }
  pthread_mutex_unlock(&pool->mutex);
  free(buffer);
  return NULL;
}

/* The threads of the pool handle no signals: those are for Node's main thread. */
static int start_thread(pthread_t *thread, void *(*function)(void *), Pool *pool) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, NULL, function, pool);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0) pthread_setname_np(*thread, "partway-hash");
  return error;
}

static void free_pool(Pool *pool) {
  if (pool->epoll >= 0) close(pool->epoll);
  if (pool->event >= 0) close(pool->event);
  pthread_cond_destroy(&pool->submitted);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

Pool *pool_start(int threads, JobDone done, void *context) {
  Pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof(pthread_t));
  if (pool == NULL) return NULL;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->submitted, NULL);
  pool->arrived.last = &pool->arrived.first;
  pool->reads.last = &pool->reads.first;
  pool->done = done;
  pool->context = context;
  pool->epoll = epoll_create1(EPOLL_CLOEXEC);
  pool->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (pool->epoll < 0 || pool->event < 0 || epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->event, &event) != 0 ||
      start_thread(&pool->watcher, watch, pool) != 0) {
    free_pool(pool);
    return NULL;
  }
  while (pool->thread_count < threads && start_thread(&pool->threads[pool->thread_count], serve, pool) == 0)
    pool->thread_count++;
  if (pool->thread_count > 0) return pool;
  pool_stop(pool);
  return NULL;
}

void pool_submit(Pool *pool, Job *job) {
  pthread_mutex_lock(&pool->mutex);
  if (has_connection(job)) {
    job->next_connected = pool->connected;
    if (pool->connected != NULL) pool->connected->previous_connected = job;
    pool->connected = job;
  }
  append(pool, job);
  pthread_cond_signal(&pool->submitted);
  pthread_mutex_unlock(&pool->mutex);
}

void pool_cancel(Pool *pool, const Progress *progress) {
  pthread_mutex_lock(&pool->mutex);
  for (Job *job = pool->connected; job != NULL; job = job->next_connected) {
    if (job->progress != progress) continue;
    if (job->error == 0) job->error = ECANCELED;
    stop_waiting(pool, job);
  }
  pthread_mutex_unlock(&pool->mutex);
}

Job *pool_stop(Pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->submitted);
  wake_watcher(pool);
  pthread_mutex_unlock(&pool->mutex);
  pthread_join(pool->watcher, NULL);
  for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
  for (Job *job = pool->connected; job != NULL; job = job->next_connected) {
    close(job->socket);
    if (job->progress->waiting != 0) append(pool, job);
  }
  *pool->reads.last = pool->ended;
  *pool->arrived.last = pool->reads.first;
  Job *rest = pool->arrived.first;
  free_pool(pool);
  return rest;
}
