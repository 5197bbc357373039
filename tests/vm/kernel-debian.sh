# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Debian's own kernels, from the packages, unpacked and not installed. To be
# read in by tests/vm/kernel.

# debian_names KERNEL: its series, as a pattern, its flavour, and what follows the
# names of packages for another processor than this machine's.
debian_names()
{
	foreign=
	case $1 in
	stock) series='6\.12' flavour=amd64 ;;
	rt) series='6\.12' flavour=rt-amd64 ;;
	6.1) series='6\.1' flavour=amd64 ;;
	newest) series='[0-9]+\.[0-9]+' flavour=amd64 ;;
	arm64*) series='6\.12' flavour=$1 foreign=:arm64 ;;
	esac
}

# apt get|cache ARGUMENT...: with the lists in use, and within a time.
apt()
{
	apt_tool=apt-$1
	shift
	timeout -k 5 "${apt_limit:-600}" "$apt_tool" ${apt_conf:+-c "$apt_conf"} \
		-o APT::Sandbox::User=root -o Acquire::Retries=1 \
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
		-o Acquire::Languages=none "$@" </dev/null
}

# own_suites PATTERN: this machine's own suites whose names after the codename match,
# as lines of ADDRESS SUITE.
own_suites()
{
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt fills it in
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
		'Created-By: Packages' |
		grep -E " ($codename|stable|oldstable)($1)?\$" | sort -u
}

# Suites that have the newest kernels, likewise.
newest_suites()
{
	mirror=$(own_suites '()' | head -n 1)
	[ -n "$mirror" ] || die "apt here has no mirror of Debian's own archive"
	for suite in trixie trixie-backports sid; do
		echo "${mirror% *} $suite"
	done
}

# apt_lists FOLDER PROCESSORS SUITES WHAT: from now on, the lists of these suites. The
# machine's own are left alone.
apt_lists()
{
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	echo "$3" | sed "s|.*|deb [arch=$2 signed-by=$keys] & main|" >"$1/sources.list"
	: >"$1/status"
	cat >"$1/apt.conf" <<-END
		APT::Architectures "$2";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$1/lists";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
	END
	apt_conf=$1/apt.conf
	say "asking for the package lists of $4 ..."
	# One suite that cannot be had is no reason to do without the others.
	apt_limit=180
	apt get -qq update >&2 || true
	apt_limit=
}

# newest_package PATTERN: the one of the highest version in its name.
newest_package()
{
	apt cache search --names-only "^$1\$" | cut -d ' ' -f 1 | sort -V |
		tail -n 1
}

# needed PACKAGE PATTERN: which of those that match does it ask for? A package for
# another processor gets this machine's, which are listed below what it asks for: of the
# tools of a build, those that run here.
needed()
{
	apt cache depends "$1" |
		sed -n "s/^ *\(Depends:\)\? *\($2\)\$/\2/p" | sort -u
}

# The name of the kernel, as in its packages' names.
debian_find()
{
	newest_package "linux-headers-$series(\.[0-9]+)?([-+](deb)?[0-9]+)*-$flavour" |
		sed "s/^linux-headers-//"
}

# Into the folder that we are in: the image's package, and for another processor a
# busybox.
fetch_image()
{
	# Lately it is in one of its own, that the usual name only asks for.
	# shellcheck disable=SC2046 # a list of words
	apt get -qq download "linux-image-$name$foreign" \
		$(needed "linux-image-$name$foreign" 'linux-binary-.*') \
		${foreign:+busybox-static$foreign} >&2
}

# What a module is built with: the headers, and for a kernel newer than this
# machine also the compiler and tools that they ask for.
fetch_headers()
{
	if [ "$kernel" != newest ]; then
		# shellcheck disable=SC2046
		apt get -qq download "linux-headers-$name$foreign" \
			$(needed "linux-headers-$name$foreign" \
				'linux-\(headers\|kbuild\)-[^:]*') >&2
		return
	fi
	suite=sid
	! apt cache madison "linux-headers-$name" | grep -q trixie || suite=trixie
	apt get -qq -y -t "$suite" --no-install-recommends --download-only \
		install "linux-headers-$name" binutils make base-files dash \
		coreutils sed grep mawk findutils diffutils >&2 &&
		mv "$tmp"/apt/cache/archives/*.deb .
}

fetch()
{
	name=$(debian_find)
	[ -n "$name" ] || return
	say "fetching Debian's kernel $name (about $1 MB) ..."
	rm -rf "$tmp/image-debs" "$tmp/debs"
	mkdir "$tmp/image-debs" "$tmp/debs"
	(cd "$tmp/image-debs" && fetch_image) && (cd "$tmp/debs" && fetch_headers)
}

# Leaves the kernel in $tmp, and where that belongs in $dir.
prepare_debian()
{
	debian_names "$kernel"
	apt_conf=
	root=$tmp
	if [ "$kernel" = newest ]; then
		root=$tmp/root
		suites=$(newest_suites)
		apt_lists "$tmp/apt" amd64 "$suites" "the newest kernels"
		fetch 100 || die "no newest kernel: what trixie-backports and sid have${name:+ of $name} is not to be had"
	elif [ -n "$foreign" ]; then
		# Ours know of no other processor.
		suites=$(own_suites '-security|-updates')
		apt_lists "$tmp/apt" "amd64,${foreign#:}" "$suites" "the $kernel kernel"
		fetch 110 || die "no $kernel kernel: what Debian has${name:+ of $name} is not to be had"
	elif ! fetch 130; then
		# No lists, or old ones that name what is gone from the archive.
		say "asking for the package lists ..."
		KCHAN_APT_UPDATE=1 "$top/scripts/deps.sh" none
		fetch 130 || die "no $kernel kernel: what Debian has${name:+ of $name} is not to be had"
	fi

	mkdir -p "$root"
	# The image only: the drivers would be 500 MB.
	for deb in "$tmp"/image-debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -O --wildcards '*/vmlinuz*' 2>/dev/null || true
	done >"$tmp/image"
	[ -s "$tmp/image" ] || die "the packages of $name have no image"
	if [ -n "$foreign" ]; then
		dpkg-deb --fsys-tarfile "$tmp"/image-debs/busybox-static_*.deb |
			tar -x -O --wildcards '*/bin/busybox' >"$tmp/busybox"
		chmod +x "$tmp/busybox"
	fi
	for deb in "$tmp"/debs/*.deb; do
		# Nothing is configured: a compiler that runs is all we want.
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" \
			--exclude='./usr/share' --exclude='*/lto1' --exclude='*.a'
	done
	rm -rf "$tmp/image-debs" "$tmp/debs" "$tmp/apt"
	[ "$root" = "$tmp" ] || ln -s mawk "$root/usr/bin/awk"

	ln -s ".${root#"$tmp"}/usr/src/linux-headers-$name" "$tmp/build"
	# The one file of the headers with absolute paths.
	# shellcheck disable=SC2016 # make fills it in
	sed -i 's|/usr/src/|$(dir $(abspath $(lastword $(MAKEFILE_LIST))))../|' \
		"$tmp/build/Makefile"
	# Type information for BPF wants pahole, and nothing here reads it.
	echo "CONFIG_DEBUG_INFO_BTF_MODULES=" >"$tmp/make.args"
	dir=$cache/$kernel-${name%-"$flavour"}
}
