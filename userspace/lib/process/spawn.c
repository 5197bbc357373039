// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Preparing the description of a process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/proc.h"
#include "chan/races.h"
#include "process/spawn.h"

/* The maximum number of digits of a descriptor. */
#define DIGITS	10

/* The search path if the environment has none. */
#define DEFAULT_PATH	"/bin:/usr/bin"

static int check_end(const kc_process_options *options, size_t index)
{
	const kc_process_end *end = &options->ends[index];
	size_t i;

	if (!end->chan || end->reserved[0] || end->reserved[1])
		return -EINVAL;
	if (!end->name)
		return 0;
	if (!end->name[0] || strpbrk(end->name, ",:"))
		return -EINVAL;
	for (i = 0; i < index; i++)
		if (options->ends[i].name &&
		    !strcmp(options->ends[i].name, end->name))
			return -EINVAL;
	return 0;
}

static int check(const kc_process_options *options)
{
	size_t i;
	int ret;

	if (options->flags || !options->argv == !options->fn)
		return -EINVAL;
	if (options->argv && !options->argv[0])
		return -EINVAL;
	if (options->nr_ends > INT_MAX - KC_FIRST_END)
		return -EINVAL;
	for (i = 0; i < options->nr_ends; i++) {
		ret = check_end(options, i);
		if (ret)
			return ret;
	}
	return 0;
}

static void free_strings(char **strings)
{
	size_t i;

	for (i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

/* Copies the strings. The result has room for @more at the end. */
static char **copy_strings(char *const *from, size_t more)
{
	size_t i, nr = 0;
	char **to;

	while (from[nr])
		nr++;
	to = calloc(nr + more + 1, sizeof(*to));
	if (!to)
		return NULL;
	for (i = 0; i < nr; i++) {
		to[i] = strdup(from[i]);
		if (!to[i]) {
			free_strings(to);
			return NULL;
		}
	}
	return to;
}

/* The variable that tells which descriptor is which end. */
static char *name_ends(const kc_process_options *options)
{
	size_t i, size = sizeof(KC_ENDS_VARIABLE "=");
	char *text, *to;

	for (i = 0; i < options->nr_ends; i++)
		size += DIGITS + sizeof(":,") + (options->ends[i].name ?
			strlen(options->ends[i].name) : 0);
	text = malloc(size);
	if (!text)
		return NULL;
	to = stpcpy(text, KC_ENDS_VARIABLE "=");
	for (i = 0; i < options->nr_ends; i++)
		to += sprintf(to, "%s%zu%s%s", i ? "," : "", KC_FIRST_END + i,
			      options->ends[i].name ? ":" : "",
			      options->ends[i].name ? options->ends[i].name : "");
	return text;
}

/* A variable with that name may be inherited. It describes the ends of this process. */
static void remove_variable(char **envp, const char *start)
{
	char **to = envp;

	for (; *envp; envp++) {
		if (!strncmp(*envp, start, strlen(start)))
			free(*envp);
		else
			*to++ = *envp;
	}
	*to = NULL;
}

static int prepare_environment(struct kc_spawn *spawn,
			       const kc_process_options *options)
{
	char *const none[] = { NULL };
	char *const *from = options->envp ? options->envp : environ;
	char **at;

	spawn->envp = copy_strings(from ? from : none, 1);
	if (!spawn->envp)
		return -ENOMEM;
	remove_variable(spawn->envp, KC_ENDS_VARIABLE "=");
	if (!options->nr_ends)
		return 0;
	for (at = spawn->envp; *at; at++)
		;
	*at = name_ends(options);
	return *at ? 0 : -ENOMEM;
}

static size_t count_colons(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += *text == ':';
	return nr;
}

/*
 * The program's path in each directory of PATH. An empty entry is the current
 * directory.
 */
static char **search_path(const char *name)
{
	const char *path = getenv("PATH");
	size_t len, nr = 0;
	char **paths;

	if (!path)
		path = DEFAULT_PATH;
	paths = calloc(count_colons(path) + 2, sizeof(*paths));
	if (!paths)
		return NULL;
	for (;; path += len + 1) {
		len = strchrnul(path, ':') - path;
		if (asprintf(&paths[nr], "%.*s%s%s", (int)len, path,
			     len ? "/" : "", name) < 0) {
			paths[nr] = NULL;
			free_strings(paths);
			return NULL;
		}
		nr++;
		if (!path[len])
			return paths;
	}
}

static int prepare_program(struct kc_spawn *spawn, char *const *argv)
{
	char *const named[] = { argv[0], NULL };

	spawn->argv = copy_strings(argv, 0);
	if (strchr(argv[0], '/') || !argv[0][0])
		spawn->paths = copy_strings(named, 0);
	else
		spawn->paths = search_path(argv[0]);
	return spawn->argv && spawn->paths ? 0 : -ENOMEM;
}

static int prepare_ends(struct kc_spawn *spawn, const kc_process_options *options)
{
	size_t i;

	if (!options->nr_ends)
		return 0;
	spawn->ends = calloc(options->nr_ends, sizeof(kc_chan *));
	if (!spawn->ends)
		return -ENOMEM;
	for (i = 0; i < options->nr_ends; i++) {
		spawn->ends[i] = kc_ref(options->ends[i].chan);
		kc_race_share(spawn->ends[i]);
	}
	spawn->nr_ends = options->nr_ends;
	return 0;
}

int kc_spawn_prepare(struct kc_spawn **out, const kc_process_options *given)
{
	kc_process_options options;
	struct kc_spawn *spawn;
	int ret;

	ret = kc_take_options(&options, given, dir);
	if (!ret)
		ret = check(&options);
	if (ret)
		return ret;
	spawn = calloc(1, sizeof(*spawn));
	if (!spawn)
		return -ENOMEM;
	spawn->fn = options.fn;
	spawn->arg = options.arg;
	spawn->has_stdio = options.stdio;
	if (options.stdio)
		memcpy(spawn->stdio, options.stdio, sizeof(spawn->stdio));
	ret = prepare_environment(spawn, &options);
	if (!ret && options.argv)
		ret = prepare_program(spawn, options.argv);
	if (!ret)
		ret = prepare_ends(spawn, &options);
	if (!ret && options.dir) {
		spawn->dir = strdup(options.dir);
		if (!spawn->dir)
			ret = -ENOMEM;
	}
	if (ret) {
		kc_spawn_free(spawn);
		return ret;
	}
	*out = spawn;
	return 0;
}

void kc_spawn_free(struct kc_spawn *spawn)
{
	size_t i;

	for (i = 0; i < spawn->nr_ends; i++)
		kc_unref(spawn->ends[i]);
	free(spawn->ends);
	free_strings(spawn->argv);
	free_strings(spawn->paths);
	free_strings(spawn->envp);
	free(spawn->dir);
	free(spawn);
}

int kc_spawn_start(const struct kc_spawn *spawn, struct kc_child *child)
{
	int *tmp = calloc(spawn->nr_ends + KC_FIRST_END, sizeof(*tmp));
	int ret;

	if (!tmp)
		return -ENOMEM;
	if (spawn->argv)
		ret = kc_spawn_program(spawn, tmp, child);
	else
		ret = kc_spawn_function(spawn, tmp, child);
	free(tmp);
	return ret;
}
