// SPDX-License-Identifier: GPL-2.0-only
/*
 * main() leaves, and other threads continue: the process ends when they have ended.
 * Needs no channel.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "output.h"

#define DEADLOCK	"all goroutines are asleep - deadlock!"

/* None of these uses the library. */
static void say(const char *what)
{
	must_int(write(STDOUT_FILENO, what, strlen(what)), strlen(what));
}

static void says(void *arg)
{
	say(arg);
}

static void *thread_says(void *arg)
{
	sleep_ms(100);
	say(arg);
	return NULL;
}

static void nothing(void *arg)
{
	(void)arg;
}

static kc_waitgroup leaves = KC_WAITGROUP_INIT;

static void says_that_it_leaves(void *arg)
{
	say(arg);
	kc_waitgroup_done(&leaves);
}

/* Goroutines may start others after main() has left. */
static void says_later(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	kc_waitgroup_wait(&leaves);
	kc_sleep(50 * KC_MILLISECOND);
	must_int(kc_waitgroup_go(&wg, says, arg), 0);
	kc_waitgroup_wait(&wg);
	kc_sleep(50 * KC_MILLISECOND);
	say("l");
}

/* Parked threads of the pool do not keep the process. */
static void park_some(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	for (int i = 0; i < 3; i++)
		must_int(kc_waitgroup_go(&wg, nothing, NULL), 0);
	kc_waitgroup_wait(&wg);
}

/* Nor do the library's own threads. */
static void use_timers(void)
{
	must_int(kc_timer_func(NULL, KC_MILLISECOND, nothing, NULL), 0);
}

static void use_all(void)
{
	use_timers();
	must_int(kc_detect_deadlock(KC_MILLISECOND), 0);
	must_int(kc_dump_on_signal(SIGUSR1, 0), 0);
}

static int leave(void)
{
	KC_DEFER_SCOPE;

	park_some();
	kc_waitgroup_add(&leaves, 1);
	kc_defer(says_that_it_leaves, (void *)"m");
	must_int(kc_go(says_later, (void *)"o"), 0);
	kc_goexit();
}

static int leave_timers(void)
{
	use_timers();
	return leave();
}

static int leave_all(void)
{
	use_all();
	return leave();
}

static void expect_end(int (*fn)(void), const char *said)
{
	static struct output seen;

	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	run_apart(&seen, fn);
	expect_int(seen.status, 0);
	if (!expect(!strcmp(seen.out, said)))
		tap_note("said: %s", seen.out);
	if (!expect(!seen.err[0]))
		tap_note("on standard error: %s", seen.err);
}

static void test_goexit(void)
{
	expect_end(leave, "mol");
}

static void test_own_threads(void)
{
	expect_end(leave_timers, "mol");
	expect_end(leave_all, "mol");
}

static void starts_own(void *arg)
{
	kc_sleep(20 * KC_MILLISECOND);
	use_all();
	park_some();
	say(arg);
}

static int leave_before(void)
{
	must_int(kc_go(starts_own, (void *)"s"), 0);
	kc_goexit();
}

static void test_own_threads_later(void)
{
	expect_end(leave_before, "s");
}

static int leave_nobody(void)
{
	use_all();
	kc_goexit();
}

static void test_nobody(void)
{
	expect_end(leave_nobody, "");
}

static int leave_thread(void)
{
	use_all();
	start(thread_says, (void *)"t");
	kc_goexit();
}

static void *thread_starts(void *arg)
{
	thread_says(arg);
	park_some();
	must_int(kc_go(says_later, (void *)"o"), 0);
	return NULL;
}

static int leave_starter(void)
{
	use_timers();
	start(thread_starts, (void *)"t");
	kc_goexit();
}

/* The other thread may use the library or not. */
static void test_other_thread(void)
{
	expect_end(leave_thread, "t");
	expect_end(leave_starter, "tol");
}

static int leave_by_libc(void)
{
	use_all();
	park_some();
	must_int(kc_go(says_later, (void *)"o"), 0);
	pthread_exit(NULL);
}

static void test_pthread_exit(void)
{
	expect_end(leave_by_libc, "ol");
}

static pthread_key_t before, after;

/* This destructor needs a second round. */
static void destroy(void *data)
{
	int *left = data;

	say("d");
	if (--*left)
		must_int(pthread_setspecific(after, left), 0);
}

static void destroy_before(void *arg)
{
	say(arg);
	/* It also uses the library again. */
	park_some();
}

static int leave_data(void)
{
	static int left = 2;

	must_int(pthread_key_create(&before, destroy_before), 0);
	use_all();
	must_int(pthread_key_create(&after, destroy), 0);
	must_int(pthread_setspecific(before, "b"), 0);
	must_int(pthread_setspecific(after, &left), 0);
	kc_goexit();
}

/* Destructors of main's data run before and after the library's. */
static void test_data(void)
{
	expect_end(leave_data, "bdd");
}

static void in_child(void *arg)
{
	const pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (!pid) {
		use_all();
		park_some();
		must_int(kc_go(says_later, arg), 0);
		/* This thread is the first one in the child, and ends. */
		return;
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	say("p");
}

static int fork_goroutine(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	use_all();
	must_int(kc_waitgroup_go(&wg, in_child, (void *)"o"), 0);
	kc_waitgroup_wait(&wg);
	return 0;
}

static void test_forked(void)
{
	if (SANITIZED)
		tap_skip("the sanitizer takes the parent's threads for the child's");
	expect_end(fork_goroutine, "olp");
}

static void at_exit(void)
{
	say("x");
	park_some();
}

static int leave_at_exit(void)
{
	must_int(atexit(at_exit), 0);
	use_all();
	must_int(kc_go(says_later, (void *)"o"), 0);
	kc_goexit();
}

static void test_at_exit(void)
{
	expect_end(leave_at_exit, "olx");
}

static void waits(void *arg)
{
	(void)arg;
	expect_int(kc_select(NULL, 0), 0);
}

static void leave_asleep(void *arg)
{
	(void)arg;
	use_all();
	must_int(kc_go(waits, NULL), 0);
	kc_goexit();
}

/*
 * The remaining goroutines are asleep: this is reported as if main() were asleep, too.
 */
static void test_deadlock(void)
{
	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	expect_abort(leave_asleep, NULL, (const char *const[]){
		DEADLOCK, "[select (no cases)", "leave_asleep", NULL });
}

/*
 * main() itself never calls the library. The helper continues when the kernel shows
 * that main() has left.
 */
static void *use_library_alone(void *arg)
{
	char path[64], text[512];
	const char *state;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	do {
		sleep_ms(5);
		stat = fopen(path, "r");
		must(stat && fgets(text, sizeof(text), stat));
		fclose(stat);
		state = strrchr(text, ')');
	} while (state[2] != (arg ? 'Z' : 'S'));
	use_all();
	park_some();
	thread_says((void *)"t");
	must_int(kc_go(says_later, (void *)"o"), 0);
	return NULL;
}

static atomic_bool has_used;

static void *use_library_first(void *arg)
{
	use_all();
	atomic_store(&has_used, true);
	return use_library_alone(arg);
}

/* Runs the program anew, as a first thread that has not called the library yet. */
static void run_new_program(const char *how, const char *said)
{
	static char text[64];
	ssize_t len = 0, more;
	int ends[2], status;
	pid_t pid;

	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	must_int(pipe(ends), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/proc/self/exe", "main_end", how, NULL);
		_exit(127);
	}
	close(ends[1]);
	while (len < (ssize_t)sizeof(text) - 1 &&
	       (more = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += more;
	text[len] = '\0';
	close(ends[0]);
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	if (!expect(!strcmp(text, said)))
		tap_note("said: %s", text);
}

/* The library has no thread when main() leaves, so main's thread ends. */
static void test_main_alone(void)
{
	run_new_program("alone", "tol");
}

/* The library has a thread when main() leaves, so main's thread stays. */
static void test_main_beside(void)
{
	run_new_program("beside", "tol");
}

/* Nobody uses the library: libc ends the process. */
static void test_main_without(void)
{
	run_new_program("without", "t");
}

static void leave_without_proc(void *arg)
{
	(void)arg;
	use_timers();
	park_some();
	must_int(kc_go(says_later, (void *)"o"), 0);
	kc_goexit();
}

static void *hide_proc(void *arg)
{
	*(bool *)arg = !unshare(CLONE_NEWNS) &&
		       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		       !mount("none", "/proc", "tmpfs", 0, NULL);
	return NULL;
}

static int leave_hidden(void)
{
	bool hidden;

	hide_proc(&hidden);
	if (!hidden)
		return 77;
	leave_without_proc(NULL);
	return 0;
}

static void test_no_proc(void)
{
	static struct output seen;

	if (SANITIZED)
		tap_skip("the sanitizer needs /proc");
	run_apart(&seen, leave_hidden);
	if (seen.status == 77)
		tap_skip("/proc cannot be hidden");
	expect_int(seen.status, 0);
	expect(!strcmp(seen.out, "ol"));
}

static const struct tap_test tests[] = {
	{ "it ends with the last goroutine", test_goexit },
	{ "threads of the library's own do not count", test_own_threads },
	{ "nor those that come after", test_own_threads_later },
	{ "nobody else is there", test_nobody },
	{ "another thread is", test_other_thread },
	{ "main() leaves by pthread_exit()", test_pthread_exit },
	{ "main() leaves, and has never called the library", test_main_alone },
	{ "it leaves later than others call it", test_main_beside },
	{ "nobody calls the library", test_main_without },
	{ "there is no /proc", test_no_proc },
	{ "its thread's data are destroyed", test_data },
	{ "a goroutine that has forked", test_forked },
	{ "what is called at exit", test_at_exit },
	{ "a deadlock of those who are left", test_deadlock },
};

/* The program that run_new_program() runs. */
KC_NORETURN static void be_new_program(const char *how)
{
	void *(*fn)(void *arg) = use_library_alone;
	void *arg = (void *)"gone";

	if (!strcmp(how, "beside")) {
		fn = use_library_first;
		arg = NULL;
	} else if (!strcmp(how, "without")) {
		fn = thread_says;
		arg = (void *)"t";
	}
	must_int(pthread_detach(start(fn, arg)), 0);
	while (!arg && !atomic_load(&has_used))
		sleep_ms(1);
	pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		be_new_program(argv[1]);
	return tap_run(tests, ARRAY_SIZE(tests));
}
