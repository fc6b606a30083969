/*
 * The Node-API functions of this module. They are internal: src/native.ts documents them, checks their arguments and turns
 * their results into values and errors of JavaScript. Node-API is stable, so one binary runs in all versions of Node.js.
 */
#define NAPI_VERSION 8
#include <node_api.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "pool.h"
#include "sha1.h"

/* What belongs to one environment: the main thread, or a worker thread that has loaded the module. */
typedef struct {
  napi_env env;
  Pool *pool;
  napi_threadsafe_function wake;
  uint32_t pending;
  pthread_mutex_t mutex; /* for `done` */
  Job *done;
} Addon;

typedef struct {
  Job job;
  napi_deferred deferred;
  napi_ref references[4]; /* keep the memory of the hashes, buffers and progress alive */
  int reference_count;
  struct iovec buffers[]; /* of the job */
} Request;

#define MAX_ARGUMENTS 9

/* Returns from the calling function, with an exception pending, if a call of Node-API fails. */
#define TRY(env, call)                                                           \
  do {                                                                           \
    if ((call) != napi_ok) {                                                     \
      bool pending_ = false;                                                     \
      napi_is_exception_pending(env, &pending_);                                 \
      if (!pending_) napi_throw_type_error(env, NULL, "unexpected argument: " #call); \
      return NULL;                                                               \
    }                                                                            \
  } while (0)

static napi_value throw_type_error(napi_env env, const char *message) {
  napi_throw_type_error(env, NULL, message);
  return NULL;
}

static Addon *get_addon(napi_env env) {
  void *addon = NULL;
  napi_get_instance_data(env, &addon);
  return addon;
}

static bool get_bytes(napi_env env, napi_value value, void **bytes, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, bytes, NULL, NULL) == napi_ok && type == napi_uint8_array;
}

/* A hash is a Uint8Array with the state, so that it can be copied and stored. */
static bool get_hash(napi_env env, napi_value value, Sha1 **hash) {
  void *bytes;
  size_t length;
  if (!get_bytes(env, value, &bytes, &length) || length != sizeof(Sha1)) return false;
  if ((uintptr_t)bytes % _Alignof(Sha1) != 0) return false;
  *hash = bytes;
  return true;
}

static bool is_nullish(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined || type == napi_null;
}

/* kernel(): the name of the processor's SHA-1 instructions, or undefined if it lacks them. */
static napi_value kernel(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result = NULL;
  const char *name = sha1_kernel();
  if (name == NULL)
    TRY(env, napi_get_undefined(env, &result));
  else
    TRY(env, napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result));
  return result;
}

/* init(hash): makes it the hash of no bytes. */
static napi_value init(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  Sha1 *hash;
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  if (!get_hash(env, arguments[0], &hash)) return throw_type_error(env, "init: a hash is expected");
  sha1_init(hash);
  return NULL;
}

/* digest(hash): a Uint8Array with the 20 bytes of the digest. */
static napi_value digest(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], buffer, result;
  void *bytes;
  Sha1 *hash;
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  if (!get_hash(env, arguments[0], &hash)) return throw_type_error(env, "digest: a hash is expected");
  TRY(env, napi_create_arraybuffer(env, SHA1_BYTES, &bytes, &buffer));
  sha1_digest(hash, bytes);
  TRY(env, napi_create_typedarray(env, napi_uint8_array, SHA1_BYTES, buffer, 0, &result));
  return result;
}

static void free_request(napi_env env, Request *request) {
  for (int i = 0; i < request->reference_count; i++) napi_delete_reference(env, request->references[i]);
  free(request);
}

/* Runs on a thread of the pool. */
static void on_done(Job *job, void *context) {
  Addon *addon = context;
  pthread_mutex_lock(&addon->mutex);
  const bool was_empty = addon->done == NULL;
  job->next = addon->done;
  addon->done = job;
  pthread_mutex_unlock(&addon->mutex);
  if (was_empty) napi_call_threadsafe_function(addon->wake, NULL, napi_tsfn_nonblocking);
}

static Job *take_done(Addon *addon) {
  pthread_mutex_lock(&addon->mutex);
  Job *done = addon->done;
  addon->done = NULL;
  pthread_mutex_unlock(&addon->mutex);
  return done;
}

/* Runs on the thread of the environment: resolves the promises of all jobs that have ended. */
static void resolve_done(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback, (void)data;
  if (env == NULL) return;
  Addon *addon = context;
  for (Job *job = take_done(addon), *next; job != NULL; job = next) {
    next = job->next;
    Request *request = job->context;
    napi_handle_scope scope;
    napi_value error;
    if (napi_open_handle_scope(env, &scope) == napi_ok) {
      if (napi_create_int32(env, job->error, &error) == napi_ok) napi_resolve_deferred(env, request->deferred, error);
      napi_close_handle_scope(env, scope);
    }
    free_request(env, request);
    addon->pending--;
  }
  // An idle pool does not keep the process running.
  if (addon->pending == 0) napi_unref_threadsafe_function(env, addon->wake);
}

static bool reference(napi_env env, Request *request, napi_value value) {
  if (napi_create_reference(env, value, 1, &request->references[request->reference_count]) != napi_ok) return false;
  request->reference_count++;
  return true;
}

static uint32_t count_buffers(napi_env env, napi_value list) {
  uint32_t count = 0;
  napi_get_array_length(env, list, &count);
  return count;
}

static bool fill_buffers(napi_env env, Request *request, napi_value list, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    struct iovec *buffer = &request->buffers[i];
    if (napi_get_element(env, list, i, &element) != napi_ok) return false;
    if (!get_bytes(env, element, &buffer->iov_base, &buffer->iov_len)) return false;
  }
  request->job.buffers = request->buffers;
  request->job.buffer_count = (int)count;
  return reference(env, request, list);
}

/* A hash, two, or none, unless hashing is all that the job does. */
static bool fill_hashes(napi_env env, Request *request, napi_value hash, napi_value second) {
  const JobKind kind = request->job.kind;
  if (is_nullish(env, hash)) return is_nullish(env, second) && kind != JOB_HASH && kind != JOB_READ;
  if (!get_hash(env, hash, &request->job.hash) || !reference(env, request, hash)) return false;
  if (is_nullish(env, second)) return true;
  return get_hash(env, second, &request->job.second) && reference(env, request, second);
}

static bool get_count(napi_env env, napi_value value, uint64_t *count) {
  int64_t number = -1;
  if (napi_get_value_int64(env, value, &number) != napi_ok || number < 0) return false;
  *count = (uint64_t)number;
  return true;
}

static bool get_progress(napi_env env, napi_value value, Progress **progress) {
  napi_typedarray_type type;
  size_t length;
  return napi_get_typedarray_info(env, value, &type, &length, (void **)progress, NULL, NULL) == napi_ok &&
         type == napi_float64_array && length == sizeof(Progress) / sizeof(double);
}

/* The job gets a descriptor of its own, so that the number cannot mean another connection if JavaScript closes its own. */
static bool fill_connection(napi_env env, Request *request, napi_value socket, napi_value progress) {
  int32_t fd;
  if (napi_get_value_int32(env, socket, &fd) != napi_ok || !get_progress(env, progress, &request->job.progress) ||
      !reference(env, request, progress))
    return false;
  request->job.socket = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (request->job.socket < 0) request->job.error = errno;
  return true;
}

static bool fill_job(napi_env env, Request *request, const napi_value *arguments, uint32_t buffers) {
  Job *job = &request->job;
  return fill_hashes(env, request, arguments[1], arguments[2]) && fill_buffers(env, request, arguments[3], buffers) &&
         napi_get_value_int32(env, arguments[4], &job->fd) == napi_ok && get_count(env, arguments[5], &job->position) &&
         get_count(env, arguments[6], &job->length) &&
         ((job->kind != JOB_RECEIVE && job->kind != JOB_SEND) || fill_connection(env, request, arguments[7], arguments[8]));
}

static napi_value reject(napi_env env, Request *request, const char *message) {
  free_request(env, request);
  return throw_type_error(env, message);
}

/* run(kind, hash, second, buffers, fd, position, length, socket, progress): a promise of the error of the job. */
static napi_value run(napi_env env, napi_callback_info info) {
  size_t count = MAX_ARGUMENTS;
  napi_value arguments[MAX_ARGUMENTS], promise;
  int32_t kind;
  Addon *addon = get_addon(env);
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  TRY(env, napi_get_value_int32(env, arguments[0], &kind));
  if (addon->pool == NULL || kind < JOB_HASH || kind > JOB_SEND) return throw_type_error(env, "not started, or no job");
  const uint32_t buffers = count_buffers(env, arguments[3]);
  Request *request = calloc(1, sizeof *request + buffers * sizeof(struct iovec));
  if (request == NULL) return throw_type_error(env, "out of memory");
  request->job.kind = (JobKind)kind;
  request->job.context = request;
  if (!fill_job(env, request, arguments, buffers)) return reject(env, request, "an argument has the wrong type");
  if (napi_create_promise(env, &request->deferred, &promise) != napi_ok) return reject(env, request, "out of memory");
  if (addon->pending++ == 0) napi_ref_threadsafe_function(env, addon->wake);
  pool_submit(addon->pool, &request->job);
  return promise;
}

/* cancel(progress): ends the job with a connection that has it, with ECANCELED. */
static napi_value cancel(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  Progress *progress;
  Addon *addon = get_addon(env);
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  if (!get_progress(env, arguments[0], &progress)) return throw_type_error(env, "cancel: a progress is expected");
  if (addon->pool != NULL) pool_cancel(addon->pool, progress);
  return NULL;
}

/* Runs when the environment ends. Promises of unfinished jobs stay pending, as no JavaScript runs any more. */
static void stop(void *context) {
  Addon *addon = context;
  Job *unfinished = pool_stop(addon->pool);
  for (Job *next; unfinished != NULL; unfinished = next) {
    next = unfinished->next;
    free_request(addon->env, unfinished->context);
  }
  for (Job *job = take_done(addon), *next; job != NULL; job = next) {
    next = job->next;
    free_request(addon->env, job->context);
  }
  napi_release_threadsafe_function(addon->wake, napi_tsfn_abort);
  addon->pool = NULL;
}

/* start(threads): starts the pool. To be called once, before the first job. */
static napi_value start(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], name;
  int32_t threads = 0;
  Addon *addon = get_addon(env);
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  TRY(env, napi_get_value_int32(env, arguments[0], &threads));
  if (threads < 1 || threads > 1024) return throw_type_error(env, "start: a number of threads is expected");
  if (addon->pool != NULL) return throw_type_error(env, "start: the threads have been started");
  TRY(env, napi_create_string_utf8(env, "partway", NAPI_AUTO_LENGTH, &name));
  TRY(env, napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, addon, resolve_done, &addon->wake));
  TRY(env, napi_unref_threadsafe_function(env, addon->wake));
  addon->pool = pool_start(threads, on_done, addon);
  if (addon->pool == NULL) {
    napi_release_threadsafe_function(addon->wake, napi_tsfn_abort);
    napi_throw_error(env, NULL, "no thread can be started");
    return NULL;
  }
  // After the function that wakes the thread, so that this runs before its cleanup: the threads must not call it any more.
  TRY(env, napi_add_env_cleanup_hook(env, stop, addon));
  return NULL;
}

static void delete_addon(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  Addon *addon = data;
  pthread_mutex_destroy(&addon->mutex);
  free(addon);
}

static bool export(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

NAPI_MODULE_INIT() {
  Addon *addon = calloc(1, sizeof *addon);
  if (addon == NULL) return throw_type_error(env, "out of memory");
  addon->env = env;
  pthread_mutex_init(&addon->mutex, NULL);
  TRY(env, napi_set_instance_data(env, addon, delete_addon, NULL));
  if (!export(env, exports, "kernel", kernel) || !export(env, exports, "init", init) ||
      !export(env, exports, "digest", digest) || !export(env, exports, "start", start) ||
      !export(env, exports, "run", run) || !export(env, exports, "cancel", cancel))
    return throw_type_error(env, "the functions of the module cannot be exported");
  return exports;
}
