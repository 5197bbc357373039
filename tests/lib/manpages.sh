#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The manual: each name has its page, mandoc reports nothing, and what cannot be made a
# page is refused. Runs on the building machine. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
build=${KCHAN_BUILD:-build/user}
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
man=$build/man
generate=userspace/man/generate

# said COMMAND...: succeeds if the command writes nothing.
said()
{
	"$@" >"$work/said"
	cat "$work/said"
	[ ! -s "$work/said" ]
}

# The names of a page.
names()
{
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([A-Za-z0-9_]*\).*/\1/p' "$1"
}

without_page()
{
	sed -n 's/^[[:space:]]*\(kc_[a-z0-9_]*\);$/\1/p' \
		userspace/lib/libkchan.map userspace/lib/libkchan-test.map \
		>"$work/symbols"
	[ -s "$work/symbols" ] || echo "no symbols"
	while read -r each; do
		page=$man/man3/$each.3
		if [ ! -e "$page" ]; then
			echo "$each: no page"
		elif ! names "$page" | grep -qx "$each"; then
			echo "$each: $page does not name it"
		fi
	done <"$work/symbols"
}

# Each name is a file, and each file is a name of its page.
files_and_names()
{
	for page in "$man"/man?/*; do
		name=${page##*/}
		[ -e "$page" ] || echo "$page leads nowhere"
		names "$page" | grep -qx "${name%.?}" || echo "$page: not in its NAME"
		for each in $(names "$page"); do
			[ -e "${page%/*}/$each.${page##*.}" ] ||
				echo "$page: no $each.${page##*.}"
		done
	done
}

# All warnings of mandoc, and all style messages except those for the base system of a
# BSD. Missing pages of other packages are ignored.
lint()
{
	command -v mandoc >/dev/null || {
		echo "no mandoc: scripts/deps.sh check installs it"
		return
	}
	find "$man"/man? -type f -exec mandoc -Tlint -Wstyle {} + \
		2>/dev/null | grep -v 'referenced manual not found'
}

dangling()
{
	find "$man"/man? -type f -exec grep -ohE 'Xr [A-Za-z0-9_-]+ [1-9]' {} + |
		sort -u | while read -r _ name section; do
		case $name in
		kc_* | KC_* | *kchan*)
			[ -e "$man/man$section/$name.$section" ] ||
				echo "there is no $name($section)"
			;;
		esac
	done
}

kchanctl_page()
{
	# Without what bold and underlined letters are written over.
	mandoc -Tascii "$man/man1/kchanctl.1" 2>/dev/null |
		sed "s/.$(printf '\b')//g" >"$work/page"
	"$build/kchanctl" --help >"$work/help" || return
	sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/help" >"$work/commands"
	[ "$(wc -l <"$work/commands")" -ge 15 ] || echo "too few commands"
	sed -n 's/^  -\(.\), --\([a-z-]*\).*/^ +-\1[ ,].*--\2([=, ]|$)/p' "$work/help" \
		>"$work/wanted"
	while read -r command; do
		# Its section has an example.
		sed -n "/^   $command\$/,/^   [a-z]*\$\\|^[A-Z]/p" "$work/page" |
			grep -q "^        .*kchanctl $command" ||
			echo "$command: no example"
		"$build/kchanctl" "$command" --help |
			sed -n 's/^  -\(.\), --\([a-z-]*\).*/^ +-\1[ ,].*--\2([=, ]|$)/p' \
				>>"$work/wanted"
	done <"$work/commands"
	while read -r each; do
		grep -qE -- "$each" "$work/page" || echo "not there: $each"
	done <"$work/wanted"
}

device_page()
{
	grep -oE '\bKCHAN_[A-Z_]+[A-Z]\b' include/uapi/linux/kchan.h | sort -u |
		grep -vE '^KCHAN_(IOC_TYPE|H)$' >"$work/constants"
	sed -n 's/^MODULE_PARM_DESC(\([a-z_]*\),.*/\1/p' kchan/*.c \
		>>"$work/constants"
	[ "$(wc -l <"$work/constants")" -ge 30 ] || echo "too few"
	while read -r each; do
		grep -qE "\b$each\b" "$man/man4/kchan.4" || echo "not there: $each"
	done <"$work/constants"
}

# make_from: the manual of some headers, the last of which is read from standard
# input.
make_from()
{
	rm -rf "$work/include" "$work/made"
	mkdir "$work/include"
	printf '/*\n * All.\n *\n * The rules.\n */\n' >"$work/include/kchan.h"
	cat >"$work/include/base.h" <<-'END'
	/* Make it. */
	void kc_make(void);
	/* Send it. */
	void kc_send(void);
	#define KC_VERSION "1.2.3"
	END
	cat >"$work/include/more.h"
	"$generate" -i "$work/include" "$work/made"
}

comment_to_page()
{
	make_from <<-'END' || return
	/*
	 * More.
	 *
	 * Text of the header.
	 */
	#ifndef KCHAN_MORE_H
	#define KCHAN_MORE_H

	/* A thing. */
	typedef struct kc_thing kc_thing;

	/*
	 * Do it with @thing: see kc_make() and <stdio.h>.
	 *
	 *	code(-1);
	 *
	 * 0, or
	 * -EINVAL	it is wrong, in
	 *		two lines
	 * -ENOMEM
	 * and then nothing is done.
	 *
	 * The try form does not wait.
	 */
	int kc_do(kc_thing *thing, void (*fn)(void *arg)) KC_MUST_CHECK;
	int kc_try_do(kc_thing *thing);

	#endif /* KCHAN_MORE_H */
	END
	sed -n '/^\.Sh NAME/,$p' "$work/made/man3/kc_do.3" >"$work/seen"
	cat >"$work/page" <<-'END'
	.Sh NAME
	.Nm kc_do ,
	.Nm kc_try_do ,
	.Nm kc_thing
	.Nd do it with thing: see kc_make() and <stdio.h>
	.Sh LIBRARY
	Go's channels, and what goes with them, for C (libkchan, \-lkchan)
	.Sh SYNOPSIS
	.In kchan/kchan.h
	.Ft int
	.Fo kc_do
	.Fa "kc_thing *thing"
	.Fa "void (*fn)(void *arg)"
	.Fc
	.Ft int
	.Fo kc_try_do
	.Fa "kc_thing *thing"
	.Fc
	.Sh DESCRIPTION
	Do it with
	.Fa thing :
	see
	.Xr kc_make 3
	and
	.In stdio.h .
	.Bd -literal -offset indent
	code(\-1);
	.Ed
	.Pp
	The try form does not wait.
	.Pp
	A thing.
	.Bd -literal
	typedef struct kc_thing kc_thing;
	.Ed
	.Sh RETURN VALUES
	0, or one of the errors below.
	.Sh ERRORS
	.Bl -tag -width Er
	.It Bq Er \-EINVAL
	It is wrong, in two lines.
	.It Bq Er \-ENOMEM
	Cannot allocate memory.
	.El
	.Pp
	and then nothing is done.
	.Sh SEE ALSO
	.Xr kc_make 3 ,
	.Xr kc_more 7 ,
	.Xr libkchan 7
	END
	diff "$work/page" "$work/seen" || return
	grep -qx 'Text of the header.' "$work/made/man7/kc_more.7"
}

# A page shows the shortest function of the examples that uses its call. A page shows no
# function if none uses its call, or if the function is too long.
example_to_page()
{
	mkdir -p "$work/examples"
	cat >"$work/examples/one.c" <<-'END'
	static int longer(void)
	{
	        int ret;

	        ret = kc_send_n(c, elems, 2);
	        return kc_send(c, elems) + ret;
	}

	static void shorter(void)
	{
	        CHECK(kc_send(c, "a\n"));
	}
	END
	{
		printf 'static void large(void)\n{\n\tkc_recv(c, &n);\n'
		seq -f '	f(%g);' 50
		printf '}\n'
	} >"$work/examples/two.c"
	rm -rf "$work/made"
	"$generate" -e "$work/examples" "$work/made" || return
	cat >"$work/wanted" <<-'END'
	.Sh EXAMPLES
	From
	.Pa examples/one.c
	in the sources:
	.Bd -literal -offset indent
	static void shorter(void)
	{
	        CHECK(kc_send(c, "a\en"));
	}
	.Ed
	.Pp
	.Fn CHECK
	ends the program if the call in it fails.
	.Sh ERRORS
	END
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh ERRORS/p' "$work/made/man3/kc_send.3" |
		diff "$work/wanted" - || return
	grep -q longer "$work/made/man3/kc_send_n.3" || return
	! grep -q EXAMPLES "$work/made/man3/kc_recv.3"
}

# refused WORDS: make_from refuses its input, with a line number and these words.
refused()
{
	if make_from 2>"$work/said"; then
		echo "taken, not refused: $1"
		return 1
	fi
	cat "$work/said"
	grep -qE "more\.h:[0-9]+: .*$1" "$work/said" && [ ! -e "$work/made" ]
}

# refused_group WORDS COMMENT DECLARATION
refused_group()
{
	printf '/*\n%s\n */\n%s\n' "$2" "$3" | refused "$1"
}

not_understood()
{
	call='void kc_do(void *thing);'
	refused_group '@nothing is nothing' ' * Do it with @nothing.' "$call" &&
		refused_group 'no header declares kc_nothing\(\)' \
			' * As kc_nothing() does.' "$call" &&
		refused_group 'no header declares kc_nothing$' \
			' * Do it with a kc_nothing.' "$call" &&
		refused_group 'no header defines KC_NOTHING' \
			' * Do it by KC_NOTHING.' "$call" &&
		refused_group 'cannot make out' ' * A variable.' \
			'extern int kc_variable;' &&
		refused_group 'without an end' ' * Do it.' 'int kc_do(void *thing' &&
		refused_group 'kc_other: no comment' ' * Do it.' "$call

int kc_other(void);" &&
		printf '%s\n' "$call" | refused 'kc_do: no comment' &&
		refused_group 'kc_send is there twice' ' * Do it.' \
			'int kc_send(void *thing);' &&
		refused_group 'no short first sentence' " * Do it $(seq -s ' ' 40)." \
			"$call"
}

lists_not_understood()
{
	tab=$(printf '\t')
	call='int kc_do(void *thing);'
	refused_group 'no such error: ENONE' " * Do it.
 *
 * 0, or
 * -ENONE${tab}it is none" "$call" &&
		refused_group 'neither of the list' " * Do it.
 *
 * 0, or
 * -EINVAL${tab}it is wrong
 * in two lines" "$call" &&
		refused_group 'two lists' " * Do it.
 *
 * 0, or
 * -EINVAL${tab}it is wrong
 *
 * 1, or
 * -EPERM${tab}it is forbidden" "$call" &&
		refused_group 'not told what else' " * Do it.
 *
 * -EINVAL${tab}it is wrong" "$call" &&
		refused_group 'returns what' " * Do it. Besides its errors:
 *
 * -EINVAL${tab}it is wrong" "$call" &&
		refused_group 'not told what it returns' ' * Do it.' "$call" &&
		refused_group 'not told what it returns' ' * Do it.' \
			'void *kc_do(void *thing);'
}

# The kernel's header, with one line left out or changed.
kernel_doc()
{
	for change in '/^ \* @capacity: the new/d' '/^ \* @reserved: zero/d' \
			's/%KCHAN_IOC_END/%KCHAN_IOC_OTHER/' \
			's/^ \* DOC: The device/ * DOC: A device/'; do
		sed "$change" include/uapi/linux/kchan.h >"$work/uapi.h"
		cmp -s include/uapi/linux/kchan.h "$work/uapi.h" && return 1
		if "$generate" -u "$work/uapi.h" "$work/none" 2>"$work/said"; then
			echo "taken, not refused: $change"
			return 1
		fi
		cat "$work/said"
		grep -q 'uapi\.h:[0-9]*: ' "$work/said" || return
	done
	[ ! -e "$work/none" ]
}

step "each exported symbol has a page that names it" said without_page
step "each name of a page leads to it" said files_and_names
step "mandoc -Tlint -Wstyle is clean" said lint
step "pages refer to pages that there are" said dangling
step "kchanctl(1) has all of --help" said kchanctl_page
step "kchan(4) has all of the contract, and the parameters" said device_page
step "a comment becomes a page" comment_to_page
step "an example's function is shown" example_to_page
step "comments and declarations that make no page are refused" not_understood
step "lists that make no page are refused" lists_not_understood
step "kernel-doc that makes no page is refused" kernel_doc
steps_end
