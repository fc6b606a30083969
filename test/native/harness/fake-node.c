#define _GNU_SOURCE
#include "fake-node.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXPORTS 32
#define MAX_ARGUMENTS 16

struct napi_value__ {
  napi_valuetype type;
  napi_typedarray_type array_type;
  int64_t number;
  void *content; /* bytes, text, or the function */
  size_t length; /* elements of an array */
  napi_value *elements; /* of a list */
  bool is_list;
  bool is_resolved;
};

struct napi_callback_info__ {
  napi_value arguments[MAX_ARGUMENTS];
  size_t count;
};

static struct {
  const char *name;
  napi_callback function;
} exported[MAX_EXPORTS];
static int export_count;
static void *instance_data;
static napi_cleanup_hook cleanup;
static void *cleanup_argument;
static napi_threadsafe_function_call_js callback;
static void *callback_context;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static int wakes;

static const napi_env ENV = (napi_env)&exported;

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  _exit(1);
}

static napi_value new_value(napi_valuetype type) {
  napi_value value = calloc(1, sizeof *value);
  if (value == NULL) fail("out of memory");
  value->type = type;
  return value;
}

napi_value new_undefined(void) {
  return new_value(napi_undefined);
}

napi_value new_number(int64_t number) {
  napi_value value = new_value(napi_number);
  value->number = number;
  return value;
}

static napi_value new_array(napi_typedarray_type type, void *content, size_t length) {
  napi_value value = new_value(napi_object);
  value->array_type = type;
  value->content = content;
  value->length = length;
  return value;
}

napi_value new_uint8_array(void *bytes, size_t length) {
  return new_array(napi_uint8_array, bytes, length);
}

napi_value new_float64_array(double *numbers, size_t length) {
  return new_array(napi_float64_array, numbers, length);
}

napi_value new_list(napi_value *elements, uint32_t count) {
  napi_value value = new_value(napi_object);
  value->elements = elements;
  value->is_list = true;
  value->length = count;
  return value;
}

void *get_content(napi_value value) {
  return value == NULL ? NULL : value->content;
}

void load_module(const char *path) {
  // Fails if the module uses a function of Node-API that is not in this file.
  void *module = dlopen(path, RTLD_NOW);
  if (module == NULL) fail("%s cannot be loaded: %s", path, dlerror());
  const napi_addon_register_func init = (napi_addon_register_func)dlsym(module, "napi_register_module_v1");
  if (init == NULL) fail("%s is no module for Node.js", path);
  init(ENV, new_value(napi_object));
}

void unload_module(void) {
  if (cleanup != NULL) cleanup(cleanup_argument);
}

napi_value call(const char *name, ...) {
  struct napi_callback_info__ info = {.count = 0};
  va_list arguments;
  va_start(arguments, name);
  for (napi_value next; (next = va_arg(arguments, napi_value)) != NULL;) info.arguments[info.count++] = next;
  va_end(arguments);
  for (int i = 0; i < export_count; i++)
    if (strcmp(exported[i].name, name) == 0) return exported[i].function(ENV, &info);
  fail("the module has no function %s", name);
}

int64_t await_promise(napi_value promise) {
  while (!promise->is_resolved) {
    pthread_mutex_lock(&mutex);
    while (wakes == 0) pthread_cond_wait(&woken, &mutex);
    wakes = 0;
    pthread_mutex_unlock(&mutex);
    callback(ENV, NULL, callback_context, NULL);
  }
  return promise->number;
}

/* What follows is called by the module. */

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define RETURN(value) return *result = (value), napi_ok
#define IGNORED(name, ...) \
  napi_status name(__VA_ARGS__) { return napi_ok; }

napi_status napi_set_instance_data(node_api_basic_env env, void *data, napi_finalize finalize, void *hint) {
  instance_data = data;
  return napi_ok;
}

napi_status napi_get_instance_data(node_api_basic_env env, void **result) {
  RETURN(instance_data);
}

napi_status napi_create_function(
    napi_env env, const char *name, size_t length, napi_callback function, void *data, napi_value *result) {
  napi_value value = new_value(napi_function);
  memcpy(&value->content, &function, sizeof function);
  RETURN(value);
}

napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) {
  if (export_count == MAX_EXPORTS) fail("the module exports too much");
  exported[export_count].name = name;
  memcpy(&exported[export_count++].function, &value->content, sizeof value->content);
  return napi_ok;
}

napi_status napi_get_cb_info(
    napi_env env, napi_callback_info info, size_t *count, napi_value *arguments, napi_value *this_value,
    void **data) {
  for (size_t i = 0; i < *count; i++) arguments[i] = i < info->count ? info->arguments[i] : new_undefined();
  *count = info->count;
  return napi_ok;
}

napi_status napi_get_typedarray_info(
    napi_env env, napi_value value, napi_typedarray_type *type, size_t *length, void **data, napi_value *buffer,
    size_t *offset) {
  if (value->type != napi_object || value->is_list) return napi_invalid_arg;
  *type = value->array_type;
  *length = value->length;
  *data = value->content;
  return napi_ok;
}

napi_status napi_get_array_length(napi_env env, napi_value value, uint32_t *result) {
  RETURN((uint32_t)value->length);
}

napi_status napi_get_element(napi_env env, napi_value list, uint32_t index, napi_value *result) {
  RETURN(list->elements[index]);
}

napi_status napi_typeof(napi_env env, napi_value value, napi_valuetype *result) {
  RETURN(value->type);
}

napi_status napi_get_value_int32(napi_env env, napi_value value, int32_t *result) {
  if (value->type != napi_number) return napi_number_expected;
  RETURN((int32_t)value->number);
}

napi_status napi_get_value_int64(napi_env env, napi_value value, int64_t *result) {
  if (value->type != napi_number) return napi_number_expected;
  RETURN(value->number);
}

napi_status napi_create_int32(napi_env env, int32_t number, napi_value *result) {
  RETURN(new_number(number));
}

napi_status napi_get_undefined(napi_env env, napi_value *result) {
  RETURN(new_undefined());
}

napi_status napi_create_string_utf8(napi_env env, const char *text, size_t length, napi_value *result) {
  napi_value value = new_value(napi_string);
  value->content = strdup(text);
  RETURN(value);
}

napi_status napi_create_arraybuffer(napi_env env, size_t length, void **data, napi_value *result) {
  *data = calloc(1, length);
  RETURN(new_uint8_array(*data, length));
}

napi_status napi_create_typedarray(
    napi_env env, napi_typedarray_type type, size_t length, napi_value buffer, size_t offset, napi_value *result) {
  RETURN(new_array(type, (uint8_t *)buffer->content + offset, length));
}

napi_status napi_create_promise(napi_env env, napi_deferred *deferred, napi_value *result) {
  napi_value promise = new_value(napi_object);
  *deferred = (napi_deferred)promise;
  RETURN(promise);
}

napi_status napi_resolve_deferred(napi_env env, napi_deferred deferred, napi_value value) {
  napi_value promise = (napi_value)deferred;
  promise->number = value->number;
  promise->is_resolved = true;
  return napi_ok;
}

napi_status napi_create_threadsafe_function(
    napi_env env, napi_value function, napi_value resource, napi_value name, size_t queue, size_t threads,
    void *data, napi_finalize finalize, void *context, napi_threadsafe_function_call_js call_js,
    napi_threadsafe_function *result) {
  callback = call_js;
  callback_context = context;
  RETURN((napi_threadsafe_function)&callback);
}

napi_status napi_call_threadsafe_function(
    napi_threadsafe_function function, void *data, napi_threadsafe_function_call_mode mode) {
  pthread_mutex_lock(&mutex);
  wakes++;
  pthread_cond_signal(&woken);
  pthread_mutex_unlock(&mutex);
  return napi_ok;
}

napi_status napi_add_env_cleanup_hook(node_api_basic_env env, napi_cleanup_hook hook, void *argument) {
  cleanup = hook;
  cleanup_argument = argument;
  return napi_ok;
}

napi_status napi_throw_type_error(napi_env env, const char *code, const char *message) {
  fail("TypeError: %s", message);
}

napi_status napi_throw_error(napi_env env, const char *code, const char *message) {
  fail("Error: %s", message);
}

napi_status napi_is_exception_pending(napi_env env, bool *result) {
  RETURN(false);
}

napi_status napi_create_reference(napi_env env, napi_value value, uint32_t count, napi_ref *result) {
  RETURN((napi_ref)value);
}

napi_status napi_open_handle_scope(napi_env env, napi_handle_scope *result) {
  RETURN(NULL);
}

IGNORED(napi_close_handle_scope, napi_env env, napi_handle_scope scope)
IGNORED(napi_delete_reference, node_api_basic_env env, napi_ref reference)
IGNORED(napi_ref_threadsafe_function, node_api_basic_env env, napi_threadsafe_function function)
IGNORED(napi_unref_threadsafe_function, node_api_basic_env env, napi_threadsafe_function function)
IGNORED(napi_release_threadsafe_function, napi_threadsafe_function function, napi_threadsafe_function_release_mode mode)
