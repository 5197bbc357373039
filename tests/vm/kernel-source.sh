# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Guest kernels that we build from Debian's sources, with instruments that its
# own packages are without. To be read in by tests/vm/kernel.

source_series=6.12
# Raise this when the recipe below changes in a way that makes old trees wrong.
recipe=1

# The configuration: fragments on top of tinyconfig.
source_configs()
{
	set -- "$kernel"
	[ "$kernel" != uml-smp ] || set -- uml uml-smp
	for each in common "$@"; do
		echo "$here/$each.config"
	done
}

# The key of a tree: everything that decides what comes out. It has to be
# computed without unpacking the source and, where that is the newest there is,
# without asking which: any that was will do.
source_key()
{
	case $kernel in
	uml-smp) version=newest ;;
	*)
		version=$(dpkg-query -W -f '${Version}' "linux-source-$source_series" \
			2>/dev/null) || version=none
		;;
	esac
	{
		echo "$recipe $kernel $version"
		${CC:-gcc} -dumpfullversion
		source_configs | xargs -d '\n' cat
		[ ! -e "$here/$kernel.patch" ] || cat "$here/$kernel.patch"
	} | sha256sum | cut -c 1-16
}

# Unpack the source into $tmp/build.
source_unpack()
{
	mkdir "$tmp/build"
	if [ "$kernel" = uml-smp ]; then
		suites=$(newest_suites)
		apt_lists "$tmp/apt" amd64 "$suites" "the newest kernels"
		source=$(newest_package 'linux-source-[0-9.]+')
		[ -n "$source" ] || die "no newest kernel's source is to be had"
		say "fetching $source (about 150 MB) ..."
		(cd "$tmp/apt" && apt get -qq download "$source" >&2) ||
			die "$source is not to be had"
		dpkg-deb --fsys-tarfile "$tmp/apt/$source"_*.deb |
			tar -x -O "./usr/src/$source.tar.xz" >"$tmp/source.tar.xz"
		rm -r "$tmp/apt"
		tarball=$tmp/source.tar.xz
	else
		source=linux-source-$source_series
		tarball=/usr/src/$source.tar.xz
		[ -e "$tarball" ] ||
			die "no $tarball: scripts/deps.sh check installs it"
	fi
	say "unpacking $source for the $kernel kernel ..."
	tar -x -f "$tarball" -C "$tmp/build" --strip-components=1 \
		--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/net/ethernet/*.[ch]' \
		--exclude='*/sound/*.[ch]' --exclude='*/Documentation/*.rst' \
		--exclude='*/Documentation/devicetree/*' --exclude='*/fs/xfs/*.[ch]' \
		--exclude='*/drivers/media/*.[ch]' --exclude='*/arch/*/*.dts*'
	rm -f "$tmp/source.tar.xz"
	[ ! -e "$here/$kernel.patch" ] ||
		patch -s -p1 -d "$tmp/build" <"$here/$kernel.patch" >&2
}

# Leaves the kernel in $tmp; only what building a module needs is kept of it.
prepare_source()
{
	source_unpack
	case $kernel in
	uml*)
		args="ARCH=um SUBARCH=x86_64"
		target=linux
		;;
	*)
		args="ARCH=x86_64"
		target=bzImage
		;;
	esac

	say "building the $kernel kernel (some minutes, once) ..."
	log=$tmp/build.log
	(
		cd "$tmp/build"
		# shellcheck disable=SC2086 # a list of words
		{
			make $args tinyconfig
			source_configs | xargs -d '\n' \
				scripts/kconfig/merge_config.sh -m -O . .config
			make $args olddefconfig
			make $args -j"$(nproc)" $target modules
		} >"$log" 2>&1
	) || {
		tail -n 30 "$log" >&2
		cp "$log" "$cache/$kernel-failed.log"
		die "the $kernel kernel does not build; see $cache/$kernel-failed.log"
	}

	# tinyconfig drops what it does not know without a word: look.
	missing=$(source_configs | xargs -d '\n' \
		sed -n 's/^\(CONFIG_[A-Z0-9_]*=y\)$/\1/p' |
		while read -r option; do
			grep -qx "$option" "$tmp/build/.config" || echo "$option"
		done)
	[ -z "$missing" ] || say "the $kernel kernel is without: $(echo "$missing" | tr '\n' ' ')"

	if [ "$target" = linux ]; then
		cp "$tmp/build/linux" "$tmp/image"
		strip -g "$tmp/image"
	else
		cp "$tmp/build/arch/x86/boot/bzImage" "$tmp/image"
	fi
	echo "$args" >"$tmp/make.args"
	prune "$tmp/build"
}

# Of a built tree, keep what "make M=" reads.
prune()
{
	(
		cd "$1"
		for entry in *; do
			case $entry in
			arch | include | scripts | tools | Makefile | Kbuild | Kconfig | \
				Module.symvers | System.map | vmlinux | .config) ;;
			*) rm -rf "$entry" ;;
			esac
		done
		find arch -mindepth 1 -maxdepth 1 ! -name x86 ! -name um \
			-exec rm -rf {} +
		find tools -mindepth 1 -maxdepth 1 ! -name objtool ! -name include \
			! -name lib ! -name build ! -name scripts -exec rm -rf {} +
		find arch include tools '(' -name '*.[oaS]' -o -name '*.c' \
			-o -name '*.cmd' -o -name 'bzImage' -o -name 'vmlinux*' ')' \
			! -path '*/vdso/*' ! -name 'vmlinux.lds*' -type f -delete
	)
}
