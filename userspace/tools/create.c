// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl create, setup, resize, close: what a channel is like, and its life.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kchanctl.h"

/* What is asked for. What is not asked for stays as it is. */
struct geometry {
	bool given;
	long elem_size;		/* -1: not given */
	long capacity;
	int message;		/* -1: not given */
	int hold;
};

#define NO_GEOMETRY	{ .elem_size = -1, .capacity = -1, .message = -1, .hold = -1 }

#define GEOMETRY_OPTIONS						\
	{ "size", required_argument, NULL, 's' },			\
	{ "capacity", required_argument, NULL, 'c' },			\
	{ "fixed", no_argument, NULL, 'F' },				\
	{ "message", no_argument, NULL, 'M' },				\
	{ "no-hold", no_argument, NULL, 'N' }

#define GEOMETRY_HELP							\
"  -s, --size=BYTES  the size of an element; of messages the largest (4096)\n"	\
"  -c, --capacity=N  how many elements are queued (16); with 0 a send waits for\n"	\
"                    a receiver\n"					\
"  -M, --message     elements of any length up to the size (this is so)\n"	\
"  -F, --fixed       elements of exactly the size\n"			\
"  -N, --no-hold     once somebody has sent, the channel closes with its last\n"	\
"                    sender; else the name keeps it open\n"

static unsigned long capacity_of(const char *text)
{
	return number_of(text, "capacity", 0, KCHAN_MAX_CAPACITY);
}

/* True if it is an option of the geometry. */
static bool geometry_option(struct geometry *geometry, int option)
{
	switch (option) {
	case 's':
		geometry->elem_size = number_of(optarg, "size", 0,
						KCHAN_MAX_ELEM_SIZE);
		break;
	case 'c':
		geometry->capacity = capacity_of(optarg);
		break;
	case 'F':
		geometry->message = 0;
		break;
	case 'M':
		geometry->message = 1;
		break;
	case 'N':
		geometry->hold = 0;
		break;
	default:
		return false;
	}
	geometry->given = true;
	return true;
}

static int setup_failed(const char *what, int error)
{
	switch (error) {
	case EBUSY:
		return fail("%s: the channel is in use, so it cannot be set up any more; resize changes its capacity",
			    what);
	case EPERM:
		return fail("%s: only the owner of the name may set the channel up",
			    what);
	case EINVAL:
		return fail("%s: no channel can be like this: its buffer would be larger than /sys/module/kchan/parameters/max_channel_bytes, or its messages empty, or it has no name for --no-hold",
			    what);
	default:
		return fail("%s: %s", what, kc_strerror(-error));
	}
}

/* Sets up a channel that was not used yet. */
static int set_up(const char *what, kc_chan *c, const struct geometry *geometry)
{
	struct kchan_setup setup = { 0 };
	struct kchan_info info;
	bool message = geometry->message;

	if (ioctl(kc_fd(c), KCHAN_IOC_INFO, &info))
		return setup_failed(what, errno);
	if (geometry->message < 0)
		message = info.flags & KCHAN_INFO_MESSAGE;
	if (message)
		setup.flags |= KCHAN_SETUP_MESSAGE;
	if (!geometry->hold)
		setup.flags |= KCHAN_SETUP_NO_SEND_HOLD;
	setup.elem_size = geometry->elem_size < 0 ? info.elem_size :
						    geometry->elem_size;
	setup.capacity = geometry->capacity < 0 ? info.capacity :
						  geometry->capacity;
	if (ioctl(kc_fd(c), KCHAN_IOC_SETUP, &setup))
		return setup_failed(what, errno);
	return STATUS_OK;
}

/* Whose a name is to be. -1: as the user who makes it. */
struct owner {
	uid_t uid;
	gid_t gid;
};

static struct owner owner_of(const char *text)
{
	struct owner owner = { -1, -1 };
	const char *colon = strchr(text, ':');
	char *name = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
	const struct passwd *user;
	const struct group *group;

	if (name && *name) {
		user = getpwnam(name);
		owner.uid = user ? user->pw_uid :
			    number_of(name, "user", 0, UINT32_MAX - 1);
	}
	if (colon && colon[1]) {
		group = getgrnam(colon + 1);
		owner.gid = group ? group->gr_gid :
			    number_of(colon + 1, "group", 0, UINT32_MAX - 1);
	}
	free(name);
	return owner;
}

/* What comes before the last slash of a path, with it. */
static int dir_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/* Makes the channel with a name that it keeps until it is set up. */
static int make_temporary(kc_chan **out, char *name, size_t size, const char *path)
{
	unsigned int i = 0;
	int ret;

	do {
		if (snprintf(name, size, "%.*s.kchanctl-%d-%u", dir_length(path), path,
			     (int)getpid(), i++) >= (int)size)
			return -ENAMETOOLONG;
		ret = kc_create(out, name, NULL, 0600);
		/* A killed process with this number may have left one. */
	} while (ret == -EEXIST);
	return ret;
}

struct wish {
	struct geometry geometry;
	struct owner owner;
	unsigned int mode;
};

/* The name appears at last: nobody sees the channel before it is as it is to be. */
static int finish(kc_chan *c, const char *temporary, const char *path,
		  const struct wish *wish)
{
	const int fd = kc_fd(c);
	int status;

	if (wish->geometry.given) {
		status = set_up(path, c, &wish->geometry);
		if (status)
			return status;
	}
	if (fchown(fd, wish->owner.uid, wish->owner.gid))
		return fail("%s: cannot give it to this owner: %s", path,
			    strerror(errno));
	if (fchmod(fd, wish->mode) ||
	    renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE))
		return fail("%s: %s", path, strerror(errno));
	return STATUS_OK;
}

static int create(const char *path, const struct wish *wish)
{
	char temporary[4096];
	int ret, status;
	kc_chan *c;

	ret = make_temporary(&c, temporary, sizeof(temporary), path);
	if (ret == -ENOENT || ret == -ENOTDIR)
		return fail("%s: there is no such directory", path);
	if (ret == -EACCES)
		return fail("%s: you may not make names in this directory", path);
	if (ret) {
		explain_path(path, KC_OPEN_RECV | KC_OPEN_SEND, -ret);
		return STATUS_FAILED;
	}
	status = finish(c, temporary, path, wish);
	if (status)
		unlink(temporary);
	kc_unref(c);
	return status;
}

static const struct option create_options[] = {
	GEOMETRY_OPTIONS,
	{ "mode", required_argument, NULL, 'm' },
	{ "owner", required_argument, NULL, 'o' },
	OPTIONS_END
};

static int create_run(int argc, char **argv)
{
	struct wish wish = { NO_GEOMETRY, { -1, -1 }, 0 };
	const mode_t mask = umask(0);
	int option, status = STATUS_OK;

	wish.mode = 0666 & ~mask;
	while ((option = next_option(&create_command, argc, argv,
				     create_options)) != -1) {
		if (geometry_option(&wish.geometry, option))
			continue;
		if (option == 'm')
			wish.mode = mode_of(optarg);
		else
			wish.owner = owner_of(optarg);
	}
	if (optind == argc)
		usage("which names? Say a PATH");
	for (; optind < argc; optind++)
		if (create(argv[optind], &wish))
			status = STATUS_FAILED;
	return status;
}

const struct command create_command = {
	.name = "create",
	.brief = "make channels with names",
	.help =
"Usage: kchanctl create [OPTION]... PATH...\n"
"Make channels with names, in a filesystem of names: /run/kchan. A name appears\n"
"when its channel is set up.\n"
"\n"
GEOMETRY_HELP
"  -m, --mode=MODE   who may receive (r) and send (w), in octal, as 660; else 666\n"
"                    without the bits of the umask\n"
"  -o, --owner=USER[:GROUP]\n"
"                    whose it is, and who may set up, resize and close it\n"
"  -h, --help        show this\n"
"\n"
"The defaults are those of the mount, which may be others than these.\n"
"\n"
"Example: kchanctl create -c 1000 -m 660 -o :games /run/kchan/app/jobs\n",
	.run = create_run,
};

static const struct option setup_options[] = {
	FD_OPTION,
	GEOMETRY_OPTIONS,
	OPTIONS_END
};

static int setup_run(int argc, char **argv)
{
	struct geometry geometry = NO_GEOMETRY;
	struct place at = NO_PLACE;
	int option, status;
	kc_chan *c;

	while ((option = next_option(&setup_command, argc, argv,
				     setup_options)) != -1)
		if (!geometry_option(&geometry, option))
			at.fd = descriptor_of(optarg);
	take_place(&at, argc, argv);
	no_more(argc, argv);
	status = open_channel(&c, &at, KC_OPEN_RECV | KC_OPEN_SEND);
	if (status)
		return status;
	status = set_up(place_name(&at), c, &geometry);
	kc_unref(c);
	return status;
}

const struct command setup_command = {
	.name = "setup",
	.brief = "say what a channel is like that was not used yet",
	.help =
"Usage: kchanctl setup [OPTION]... (--fd N | PATH)\n"
"Set up a channel that nobody has used yet: one of /dev/kchan, or of mkfifo.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
GEOMETRY_HELP
"  -h, --help        show this\n"
"\n"
"What is not said stays as it was.\n"
"\n"
"Example: [ -c /dev/kchan ] && exec 3<>/dev/kchan &&\n"
"         kchanctl setup --fd 3 --fixed --size 8 --capacity 100\n",
	.run = setup_run,
};

static const struct option resize_options[] = {
	FD_OPTION,
	OPTIONS_END
};

static int resize_run(int argc, char **argv)
{
	struct place at = NO_PLACE;
	unsigned long capacity;
	int ret, status;
	kc_chan *c;

	while (next_option(&resize_command, argc, argv, resize_options) != -1)
		at.fd = descriptor_of(optarg);
	take_place(&at, argc, argv);
	if (optind == argc)
		usage("to what capacity? Say how many elements");
	capacity = capacity_of(argv[optind++]);
	no_more(argc, argv);
	status = open_channel(&c, &at, KC_OPEN_RECV | KC_OPEN_SEND);
	if (status)
		return status;
	ret = kc_resize(c, capacity);
	kc_unref(c);
	if (ret == -EBUSY)
		return fail("resize: %s: more elements are queued than that, or older buffers are not drained yet: receive some, and try again",
			    place_name(&at));
	if (ret == -EPERM)
		return fail("resize: %s: only the owner of the name may do that",
			    place_name(&at));
	if (ret)
		return fail("resize: %s: %s", place_name(&at), kc_strerror(ret));
	return STATUS_OK;
}

const struct command resize_command = {
	.name = "resize",
	.brief = "change how many elements a channel queues",
	.help =
"Usage: kchanctl resize (--fd N | PATH) CAPACITY\n"
"Change the capacity of a channel, which may be in use. Nothing is lost.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl resize /run/kchan/app/jobs 10000\n",
	.run = resize_run,
};

static int close_run(int argc, char **argv)
{
	struct place at = NO_PLACE;
	int ret, status;
	kc_chan *c;

	while (next_option(&close_command, argc, argv, resize_options) != -1)
		at.fd = descriptor_of(optarg);
	take_place(&at, argc, argv);
	no_more(argc, argv);
	status = open_channel(&c, &at, at.fd >= 0 ? KC_OPEN_SEND | KC_OPEN_RECV :
						    KC_OPEN_SEND);
	if (status)
		return status;
	ret = kc_close(c);
	kc_unref(c);
	if (ret == -EALREADY)
		return fail("close: the channel was closed already");
	if (ret == -EPERM)
		return fail("close: %s: only the owner of the name may do that",
			    place_name(&at));
	if (ret)
		return fail("close: %s", kc_strerror(ret));
	return STATUS_OK;
}

const struct command close_command = {
	.name = "close",
	.brief = "close a channel for all: nothing more can be sent",
	.help =
"Usage: kchanctl close (--fd N | PATH)\n"
"Close the channel for all its users. Nothing can be sent any more. What is\n"
"queued can still be received; after that receivers see end-of-stream.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl close /run/kchan/app/jobs\n",
	.run = close_run,
};
