#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The headers, with compilers of C and C++. Runs on the building machine. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
build=${KCHAN_BUILD:-build/user}
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

# Uses all that the headers declare, once.
cat >"$work/all.c" <<'END'
#include <kchan/kchan.h>
/* Twice does no harm. */
#include <kchan/kchan.h>
#include <kchan/jitter.h>
#include <kchan/synctest.h>
#include <kchan/testing.h>

struct point {
	int x, y;
};

KC_CHAN_DEFINE(point_chan, struct point);
KC_CHAN_DEFINE(int_chan, int);
/* Pointers, also to what is const, and to functions. */
KC_CHAN_DEFINE(error_chan, kc_error *);
KC_CHAN_DEFINE(string_chan, const char *);
KC_CHAN_DEFINE(func_chan, void (*)(void *));

static void set_up(void)
{
}

static void set_up_more(void)
{
}

static int get(void)
{
	return 1;
}

#ifdef __cplusplus
namespace some {
#endif
KC_ONCE_FUNC(ensure_set_up, set_up);
KC_ONCE_FUNC(ensure_more, set_up_more);
KC_ONCE_VALUE(got, int, get);
KC_ONCE_VALUE(got_again, int, get);
KC_CHAN_DEFINE(inner_chan, int);
#ifdef __cplusplus
}
using namespace some;
#endif

/* Cases take the address of an element as it is, and of one that is const. */
static int pointers(error_chan *errors, string_chan *strings, func_chan *funcs,
		    inner_chan *inner)
{
	error_chan_elem err = NULL;
	const char *text = "text";
	const char *const constant = text;
	void (*fn)(void *arg) = NULL;
	kc_case cases[6];

	cases[0] = error_chan_case_send(errors, &err);
	cases[1] = error_chan_case_recv(errors, &err);
	cases[2] = string_chan_case_send(strings, &text);
	cases[3] = string_chan_case_send(strings, &constant);
	cases[4] = string_chan_case_recv(strings, &text);
	cases[5] = func_chan_case_recv(funcs, &fn);
	return kc_try_select(cases, 6) >= 0 || error_chan_send(errors, err) ||
	       func_chan_recv(funcs, &fn) < 0 || inner_chan_close(inner);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void once(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(nothing, arg);
	kc_once_do((kc_once *)arg, nothing, NULL);
}

/* What is valid when it begins so. */
static int sync_all(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	kc_panic_info info = KC_PANIC_INFO_INIT;
	kc_mutex m = KC_MUTEX_INIT;
	kc_rwmutex rw = KC_RWMUTEX_INIT;
	kc_cond cond = KC_COND_INIT;
	kc_once done = KC_ONCE_INIT;
	kc_sem sem = KC_SEM_INIT(3);

	ensure_set_up();
	ensure_more();
	options.name = "one";
	kc_mutex_lock(&m);
	kc_cond_signal(&cond);
	kc_mutex_unlock(&m);
	kc_rwmutex_rlock(&rw);
	kc_rwmutex_runlock(&rw);
	kc_sem_acquire(&sem, 2);
	if (kc_protect(once, &done, &info))
		kc_panic("%s", info.text);
	return kc_go_opts(nothing, NULL, &options) || got() != got_again();
}

static int contexts(void)
{
	const int signums[] = { 1, 2 };
	kc_error *err = kc_errorf(-1, "%d", 1);
	struct point sent = { 1, 2 }, seen;
	kc_chan *done, *ticks, *signals;
	point_chan *points;
	kc_ctx *ctx, *below;
	kc_ctx_func *func;
	kc_case ended;
	kc_timer *timer;

	if (kc_with_timeout_cause(&ctx, kc_background(), KC_SECOND, err) ||
	    kc_with_value(&below, ctx, signums, NULL, NULL) ||
	    kc_after_func(&func, below, nothing, NULL))
		return 1;
	kc_after_func_stop(func);
	kc_after_func_unref(func);
	ended = kc_case_done(below);
	if (kc_ctx_done(&done, below) || kc_try_select(&ended, 1) >= 0 ||
	    kc_after(&ticks, KC_SECOND) || kc_timer_make(&timer, KC_SECOND) ||
	    kc_make(&signals, sizeof(int), 1) || kc_notify(signals, signums, 2) ||
	    point_chan_make(&points, 1) ||
	    point_chan_send_ctx(below, points, sent) ||
	    point_chan_recv_ctx(below, points, &seen) < 1)
		return 1;
	kc_error_unref(err);
	kc_cancel_unref(ctx);
	return kc_error_is_code(kc_ctx_cause(below), kc_ctx_err(below));
}

static kc_error *fetch(void *arg, void **value, void (**destroy)(void *value))
{
	*value = arg;
	*destroy = NULL;
	return NULL;
}

static kc_error *generate(void *arg, kc_sink *out)
{
	return kc_yield(out, arg) ? kc_error_new(-1, "no") : NULL;
}

static kc_error *pass_on(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	return kc_yield_msg(out, elem, len) ? kc_error_new(-1, "no") : NULL;
}

static int groups(kc_chan *in)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_flight flight = KC_FLIGHT_INIT;
	kc_flight_result result = KC_FLIGHT_RESULT_INIT;
	kc_group g = KC_GROUP_INIT;
	kc_stage stage = { pass_on, NULL, 4, 0, 0, 1, { 0, 0, 0, 0 } };
	kc_pool_options pool_options = KC_POOL_OPTIONS_INIT;
	kc_chan *out, *outs[2];
	kc_pool *pool;

	kc_group_set_limit(&g, 3);
	if (kc_flight_do(&flight, "key", fetch, NULL, &result) ||
	    kc_generate(&out, &g, NULL, &opts, generate, NULL) ||
	    kc_pipeline(&out, &g, kc_background(), in, &stage, 1) ||
	    kc_fan_out(outs, 2, &g, NULL, in, &stage) ||
	    kc_fan_in(&out, &g, NULL, outs, 2, 0))
		return 1;
	kc_flight_result_clear(&result);
	pool_options.fn = pass_on;
	if (kc_pool_make(&pool, NULL, &pool_options))
		return 1;
	kc_error_unref(kc_pool_wait(pool));
	kc_pool_unref(pool);
	return kc_group_wait(&g) != NULL;
}

static int processes(kc_chan *c)
{
	kc_process_end ends[] = {
		KC_PROCESS_END("jobs", c), KC_PROCESS_END(NULL, c),
	};
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_supervisor_options policy = KC_SUPERVISOR_OPTIONS_INIT;
	kc_supervisor *s;
	kc_process *p;

	options.ends = ends;
	options.nr_ends = 2;
	policy.restart = KC_RESTART_ON_FAILURE;
	if (kc_process_start(&p, &options) || kc_process_wait(p, NULL) ||
	    kc_supervise(&s, NULL, &options, &policy))
		return 1;
	kc_supervisor_stop(s);
	kc_supervisor_unref(s);
	kc_process_unref(p);
	return 0;
}

static void test_nothing(kc_t *t)
{
	KC_EXPECT(t, kc_t_ctx(t) != NULL);
	KC_REQUIRE(t, kc_now() > 0);
	kc_t_cleanup(t, nothing, t);
	if (kc_t_go(t, nothing, NULL) || kc_jitter_point())
		kc_t_fatal(t, "%s", kc_t_name(t));
}

static int tests(int argc, char **argv)
{
	static const kc_test_item items[] = { KC_TEST(test_nothing) };
	kc_test_options options = KC_TEST_OPTIONS_INIT;

	options.flags = KC_TEST_TAP | KC_TEST_LEAKY;
	kc_jitter(7);
	return kc_test("nothing", test_nothing, &options) ||
	       kc_test_main(argc, argv, items, 1) || kc_synctest(nothing, NULL);
}

static void count(void *arg)
{
	kc_waitgroup_done((kc_waitgroup *)arg);
}

int main(int argc, char **argv)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	const struct point sent = { 1, 2 };
	struct point seen;
	point_chan *typed, *typed_in, *typed_out;
	kc_chan *plain, *in, *out;
	kc_case cases[5] = { KC_CASE_INIT };

	kc_waitgroup_add(&wg, 1);
	if (kc_go(count, &wg))
		return 1;
	kc_waitgroup_wait(&wg);
	if (sync_all() || pointers(NULL, NULL, NULL, NULL) > 1 || contexts() || tests(argc, argv))
		return 1;

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = 4096;
	if (kc_make_opts(&plain, &opts) || point_chan_make(&typed, 1))
		return 0;
	if (point_chan_send_timeout(typed, sent, 5 * KC_MILLISECOND))
		return 1;
	/* What does not fit is dropped. */
	point_chan_try_send(typed, sent);
	kc_try_send_msg(plain, &sent, sizeof(sent));
	kc_for_each(point_chan_chan(typed), &seen)
		if (seen.x != 1)
			return 1;
	if (point_chan_make_pair(&typed_in, &typed_out, 1) ||
	    point_chan_recv_only(&typed_in, typed) ||
	    point_chan_send_only(&typed_out, typed) ||
	    kc_make_pair(&in, &out, sizeof(int), 0))
		return 1;
	if (groups(in) || processes(in))
		return 1;
	cases[0] = point_chan_case_recv(typed_in, &seen);
	cases[1] = point_chan_case_send(typed_out, &sent);
	cases[2] = kc_case_recv_msg(plain, &seen, sizeof(seen));
	cases[3] = kc_case_fd(kc_fd(in), 1);
	cases[4] = kc_case_after(KC_SECOND);
	if (kc_select_timeout(cases, 5, 0) < 0 || cases[0].status ||
	    cases[0].ok)
		return 1;
	return kc_version()[0] != *KC_VERSION;
}
END

# compiles COMPILER STANDARD LANGUAGE
compiles()
{
	command -v "$1" >/dev/null || {
		echo "no $1"
		return
	}
	# shellcheck disable=SC2086 # flags
	"$1" -x "$3" -std="$2" $strict -Iuserspace/include -c \
		-o "$work/all.o" "$work/all.c"
}

# Each header includes what it needs.
alone()
{
	for header in userspace/include/kchan/*.h "$build/include/kchan/uapi.h"; do
		for how in "c -std=c11" "c++ -std=c++17"; do
			# shellcheck disable=SC2086 # flags
			echo 'typedef int something;' |
				gcc -x $how $strict -Iuserspace/include \
					-fsyntax-only -include "$header" - ||
				return
		done
	done
}

# A wrong type of element is an error.
checked()
{
	cat >"$work/wrong.c" <<-'END'
	#include <kchan/kchan.h>
	KC_CHAN_DEFINE(int_chan, int);
	KC_CHAN_DEFINE(long_chan, long);
	int f(int_chan *c, long *v);
	int f(int_chan *c, long *v) { return int_chan_recv(c, v); }
	END
	cat >"$work/mixed.c" <<-'END'
	#include <kchan/kchan.h>
	KC_CHAN_DEFINE(int_chan, int);
	KC_CHAN_DEFINE(long_chan, long);
	int f(long_chan *c, int *v);
	int f(long_chan *c, int *v) { return int_chan_recv(c, v); }
	END
	cat >"$work/case.c" <<-'END'
	#include <kchan/kchan.h>
	KC_CHAN_DEFINE(int_chan, int);
	kc_case f(int_chan *c, long *v);
	kc_case f(int_chan *c, long *v) { return int_chan_case_recv(c, v); }
	END
	cat >"$work/array.c" <<-'END'
	#include <kchan/kchan.h>
	KC_CHAN_DEFINE(array_chan, int[4]);
	END
	! gcc -std=c11 -Iuserspace/include -fsyntax-only "$work/array.c" \
		2>/dev/null || {
		echo "an array is an element"
		return 1
	}
	for each in wrong mixed case; do
		if gcc -std=c11 -Werror -Iuserspace/include -fsyntax-only \
				"$work/$each.c" 2>"$work/said"; then
			echo "$each.c compiles"
			return 1
		fi
		grep -q 'incompatible' "$work/said" || return
	done
}

# The library's copy of the kernel's header is the same as the original.
same_uapi()
{
	cmp include/uapi/linux/kchan.h "$build/include/kchan/uapi.h"
}

for compiler in gcc clang; do
	for standard in c11 gnu11 c17; do
		step "$compiler -std=$standard" compiles $compiler $standard c
	done
done
for compiler in g++ clang++; do
	for standard in c++17 c++20; do
		step "$compiler -std=$standard" compiles $compiler $standard c++
	done
done
step "each header alone" alone
step "typed channels take their type only" checked
step "the library's copy of the uapi header" same_uapi
steps_end
