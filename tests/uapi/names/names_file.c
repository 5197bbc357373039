// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name is a FIFO to all who look at it: what makes one, what opening it gives, what is
 * refused, and that it can be moved about.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "names.h"

#define JOBS NAMES "/jobs"

static void what_it_is(void)
{
	struct dirent *entry;
	struct stat st, of_end;
	unsigned int seen = 0;
	DIR *dir;
	int fd;

	names_begin();
	umask(027);
	must_int(mkfifo(JOBS, 0666), 0);
	umask(0);
	must_int(stat(JOBS, &st), 0);
	expect(S_ISFIFO(st.st_mode));
	expect_int(st.st_mode & 07777, 0640);
	expect_int(st.st_nlink, 1);
	expect_int(st.st_size, 0);
	expect_int(st.st_uid, geteuid());
	fd = name_open(JOBS, O_RDWR);
	must_int(fstat(fd, &of_end), 0);
	expect_int(of_end.st_ino, st.st_ino);
	expect_int(of_end.st_dev, st.st_dev);

	must_int(mkdir(NAMES "/dir", 0755), 0);
	dir = opendir(NAMES);
	must(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		seen++;
		tap_about("%s", entry->d_name);
		expect_int(entry->d_type, strcmp(entry->d_name, "jobs") ?
			   DT_DIR : DT_FIFO);
	}
	closedir(dir);
	expect_int(seen, 2);
	expect_errno(mkfifo(JOBS, 0666), EEXIST);
	/* What pipes can do, it cannot. */
	expect_errno(fcntl(fd, F_SETPIPE_SZ, 65536), EBADF);
	expect_errno(fcntl(fd, F_GETPIPE_SZ), EBADF);
	expect_errno(truncate(JOBS, 0), EINVAL);
	expect_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
}

static void opens_at_once(void)
{
	static const struct {
		int flags;
		uint32_t told;
	} ways[] = {
		{ O_RDONLY, KCHAN_INFO_RECV },
		{ O_WRONLY, KCHAN_INFO_SEND },
		{ O_RDWR, KCHAN_INFO_RECV | KCHAN_INFO_SEND },
	};
	uint64_t v = 1;
	int fd;

	names_begin();
	name_make(JOBS, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		for (int with = 0; with < 3; with++) {
			static const int more[] = {
				0, O_NONBLOCK, O_CREAT | O_TRUNC | O_APPEND
			};
			struct kchan_info info;

			tap_about("%x with %x", ways[i].flags, more[with]);
			fd = open(JOBS, ways[i].flags | more[with], 0666);
			must(fd >= 0);
			info = chan_info(fd);
			expect_int(info.flags, ways[i].told | KCHAN_INFO_MESSAGE |
				   KCHAN_INFO_NAMED | KCHAN_INFO_SEND_HOLD);
			expect_int(info.send_ends, 1 + (ways[i].flags != O_RDONLY));
			expect_int(info.recv_ends, 1 + (ways[i].flags != O_WRONLY));
			close(fd);
		}
	}
	/* For neither. */
	expect_errno(open(JOBS, O_ACCMODE), EINVAL);
	fd = open(JOBS, O_PATH);
	must(fd >= 0);
	expect_errno(write(fd, &v, 8), EBADF);
	close(fd);
	fd = name_open(JOBS, O_RDONLY);
	expect_errno(write(fd, &v, 8), EBADF);
	expect_errno(try_end(fd, KCHAN_END_SEND), EBADF);
	fd = name_open(JOBS, O_WRONLY);
	expect_errno(read(fd, &v, 8), EBADF);
	/* The geometry is not fixed by any of that. */
	fd = name_open(JOBS, O_RDWR);
	must_int(try_setup(fd, 0, 8, 1), 0);
	send_u64(fd, 7);
	expect_errno(try_setup(fd, 0, 8, 1), EBUSY);
	expect_int(chan_info(fd).capacity, 1);
	expect_recv(fd, 7);
	/* Two opens are two ends of one channel. */
	expect_int(chan_info(name_open(JOBS, O_RDONLY)).id, chan_info(fd).id);
}

static void bind_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = NAMES "/sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	expect_errno(bind(fd, (struct sockaddr *)&at, sizeof(at)), EPERM);
	close(fd);
}

static void only_mkfifo_makes(void)
{
	int dir;

	names_begin();
	expect_errno(open(JOBS, O_RDWR), ENOENT);
	expect_errno(open(JOBS, O_WRONLY | O_CREAT | O_TRUNC, 0666), EACCES);
	expect_errno(open(JOBS, O_RDWR | O_CREAT | O_EXCL, 0666), EACCES);
	expect_errno(creat(JOBS, 0666), EACCES);
	expect_errno(mknod(JOBS, S_IFREG | 0666, 0), EACCES);
	expect_errno(mknod(JOBS, S_IFCHR | 0666, makedev(1, 3)), EPERM);
	expect_errno(mknod(JOBS, S_IFBLK | 0666, makedev(7, 0)), EPERM);
	expect_errno(mknod(JOBS, S_IFSOCK | 0666, 0), EPERM);
	bind_socket();
	expect_errno(symlink("/dev/null", JOBS), EPERM);
	expect_errno(open(NAMES, O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
	expect_errno(access(JOBS, F_OK), ENOENT);
	name_make(JOBS, 0600);
	expect_errno(link(JOBS, NAMES "/other"), EPERM);
	expect_errno(open(JOBS, O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	/* mknod for a FIFO is mkfifo. */
	dir = name_open(NAMES, O_RDONLY | O_DIRECTORY);
	must_int(mknodat(dir, "other", S_IFIFO | 0600, 0), 0);
	close(dir);
	close(name_open(NAMES "/other", O_WRONLY));
}

static void from_a_shell(void)
{
	char line[64] = "";
	FILE *f;

	names_begin();
	f = popen("cd " NAMES " && mkfifo jobs && exec 3<>jobs && "
		  "echo one >jobs && echo two >jobs && one='dd bs=4096 count=1' && "
		  "a=$($one <jobs 2>/dev/null) && b=$($one <&3 2>/dev/null) && "
		  "echo $a $b && "
		  "[ -p jobs ] && rm jobs && [ ! -e jobs ] && echo gone", "re");
	must(f);
	expect(fgets(line, sizeof(line), f) && strcmp(line, "one two\n") == 0);
	expect(fgets(line, sizeof(line), f) && strcmp(line, "gone\n") == 0);
	expect_int(pclose(f), 0);
}

static void directories(void)
{
	char path[300];
	struct stat st;

	names_begin();
	must_int(mkdir(NAMES "/app", 02770), 0);
	must_int(chown(NAMES "/app", 0, 77), 0);
	must_int(chmod(NAMES "/app", 02770), 0);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_nlink, 3);
	name_make(NAMES "/app/jobs", 0660);
	must_int(mkdir(NAMES "/app/more", 0770), 0);
	/* The group is the directory's, and a new directory hands it on. */
	must_int(stat(NAMES "/app/jobs", &st), 0);
	expect_int(st.st_gid, 77);
	must_int(stat(NAMES "/app/more", &st), 0);
	expect_int(st.st_gid, 77);
	expect_int(st.st_mode & 07777, 02770);
	expect_errno(rmdir(NAMES "/app"), ENOTEMPTY);
	expect_errno(unlink(NAMES "/app"), EISDIR);
	expect_errno(rmdir(NAMES "/app/jobs"), ENOTDIR);
	must_int(unlink(NAMES "/app/jobs"), 0);
	must_int(rmdir(NAMES "/app/more"), 0);
	must_int(rmdir(NAMES "/app"), 0);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_nlink, 2);
	memset(path, 'x', sizeof(path));
	memcpy(path, NAMES "/", sizeof(NAMES));
	path[sizeof(NAMES) + 255] = '\0';
	must_int(mkfifo(path, 0600), 0);
	path[sizeof(NAMES) + 255] = 'x';
	path[sizeof(NAMES) + 256] = '\0';
	expect_errno(mkfifo(path, 0600), ENAMETOOLONG);
}

static void renames(void)
{
	int fd;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	send_u64(fd, 1);
	must_int(mkdir(NAMES "/dir", 0755), 0);
	must_int(rename(JOBS, NAMES "/dir/moved"), 0);
	expect_errno(open(JOBS, O_RDWR), ENOENT);
	expect_recv(name_open(NAMES "/dir/moved", O_RDONLY), 1);
	expect(chan_info(fd).flags & KCHAN_INFO_NAMED);
	must_int(rename(NAMES "/dir", NAMES "/map"), 0);
	expect_int(chan_info(name_open(NAMES "/map/moved", O_RDONLY)).id,
		   chan_info(fd).id);
	name_make(JOBS, 0600);
	expect_errno(renameat2(AT_FDCWD, NAMES "/map/moved", AT_FDCWD, JOBS,
			       RENAME_NOREPLACE), EEXIST);
	expect_errno(renameat2(AT_FDCWD, NAMES "/map/moved", AT_FDCWD, JOBS,
			       RENAME_WHITEOUT), EINVAL);
	expect_errno(rename(JOBS, NAMES "/map"), EISDIR);
	expect_errno(rename(NAMES "/map", JOBS), ENOTDIR);
	names_mount(OTHERS, NULL);
	expect_errno(rename(JOBS, OTHERS "/jobs"), EXDEV);
}

static void exchanges(void)
{
	int a, b;

	names_begin();
	a = name_set_up(NAMES "/a", 1, 0);
	b = name_set_up(NAMES "/b", 1, 0);
	must_int(renameat2(AT_FDCWD, NAMES "/a", AT_FDCWD, NAMES "/b",
			   RENAME_EXCHANGE), 0);
	/* Both still have a name. */
	expect(chan_info(a).flags & KCHAN_INFO_NAMED);
	expect(chan_info(b).flags & KCHAN_INFO_NAMED);
	expect_int(chan_info(name_open(NAMES "/a", O_RDONLY)).id, chan_info(b).id);
	expect_int(chan_info(name_open(NAMES "/b", O_RDONLY)).id, chan_info(a).id);
}

static void bind_mounts(void)
{
	int fd;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	must_int(mount(NAMES, OTHERS, NULL, MS_BIND, NULL), 0);
	send_u64(name_open(OTHERS "/jobs", O_WRONLY), 1);
	expect_recv(fd, 1);
	must_int(umount2(OTHERS, MNT_DETACH), 0);
	/* A name alone. */
	close(open("/run/kchan.file", O_WRONLY | O_CREAT, 0600));
	must_int(mount(JOBS, "/run/kchan.file", NULL, MS_BIND, NULL), 0);
	send_u64(name_open("/run/kchan.file", O_WRONLY), 2);
	expect_recv(fd, 2);
	must_int(umount2("/run/kchan.file", MNT_DETACH), 0);
	unlink("/run/kchan.file");
}

static void reopened(void)
{
	char path[64];
	int fd, recv;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	recv = name_open(JOBS, O_RDONLY);
	/* To open an end of it is to open the name: the name's mode decides. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", recv);
	send_u64(name_open(path, O_WRONLY), 1);
	expect_recv(fd, 1);
	/* An end that is made keeps to what it has. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		 end_make(recv, KCHAN_END_RECV));
	expect_errno(open(path, O_WRONLY), EACCES);
	close(name_open(path, O_RDONLY));
}

static const struct tap_test tests[] = {
	{ "a name is a FIFO to those who look", what_it_is },
	{ "open gives that end, at once, and fixes nothing", opens_at_once },
	{ "only mkfifo makes one", only_mkfifo_makes },
	{ "from a shell", from_a_shell },
	{ "directories", directories },
	{ "a rename keeps the channel", renames },
	{ "two names that are exchanged keep theirs", exchanges },
	{ "bind mounts lead to the same channel", bind_mounts },
	{ "opened again through /proc", reopened },
};

PARAMS_MAIN(tests)
