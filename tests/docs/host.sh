#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The pages, as far as that needs no guest: links and marks, pictures, and that the
# programs of the pages compile. Leaves in build/docs what page.sh runs. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"
build=${KCHAN_BUILD:-build/user}
work=build/docs

pages="README.md $(ls CHANGELOG.md CONTRIBUTING.md 2>/dev/null)
	$(find docs -name '*.md' | sort)"

# compile SOURCE PROGRAM: as a reader would, but static, for the guest.
compile()
{
	gcc -O1 -s -Wall -Wextra -Werror -pthread -Iuserspace/include -I"$build/include" \
		-static -o "$2" "$1" "$build/libkchan-test.a" "$build/libkchan.a"
}

# programs PAGE: its blocks and programs are in $work.
programs()
{
	folder=$work/$(basename "$1" .md)
	mkdir -p "$folder/programs"
	tests/docs/blocks "$1" "$folder" || return
	for source in "$folder"/files/*.c; do
		[ ! -e "$source" ] || compile "$source" \
			"$folder/programs/$(basename "$source" .c)" || return
	done
}

# What a page must not have is found.
found()
{
	while IFS= read -r what; do
		printf '%b\n' "$what" >"$work/wrong.md"
		if tests/docs/blocks -c "$work/wrong.md" 2>/dev/null; then
			echo "not found: $what"
			return 1
		fi
	done <<-'END'
	[no file](nothing.md)
	# Head\n[no heading](#tail)
	```console\n$ true\n```
	<!-- run x -->\n```text\n$ true\n```
	<!-- run: x -->\n```console\nno command\n```
	<!-- run: x -->\n\ntext
	END
	cat >"$work/right.md" <<-'END'
	# A `b` c
	[good](#a-b-c)

	<!-- run: x -->
	```console
	$ true
	```
	END
	tests/docs/blocks -c "$work/right.md"
}

# A page, and what its session writes, are the same or not.
compared()
{
	rm -rf "$work/try"
	mkdir -p "$work/try/page" "$work/try/none"
	cat >"$work/try/page.md" <<-'END'
	<!-- file: word -->
	```text
	it's
	```
	<!-- run: first -->
	```console
	$ cat word; for i in 1 2; do
	>     echo $i
	> done
	it's
	...
	# x=5
	```
	<!-- packages: not-here -->
	```console
	$ echo "not here"
	not here
	```
	<!-- run: second -->
	```console
	$ echo $x
	5
	```
	END
	tests/docs/blocks "$work/try/page.md" "$work/try/page" || return
	try || return
	for change in 's/^5$/6/' "s/^it's$/its/" '/^5$/d' "\$a more" 's/^\.\.\.$/1/'; do
		sed -i.old "$change" "$work/try/page/wanted"
		if try >/dev/null; then
			echo "no difference: $change"
			return 1
		fi
		mv "$work/try/page/wanted.old" "$work/try/page/wanted"
	done
}

try()
{
	STEPS="$PWD/scripts/step.sh" DOCS="$PWD/$work/try" PAGE="$PWD/$work/try/run" \
		tests/docs/page.sh
}

rm -rf "$work"
mkdir -p "$work"
# shellcheck disable=SC2086 # a list of words
step "links lead somewhere, and marks are understood" tests/docs/blocks -c $pages
step "what is wrong in a page is found" found
step "a page is compared with what is seen" compared
step "pictures are drawn from their sources" docs/pictures/draw -c
rm -rf "$work"
for each in $pages; do
	step "the programs of $each compile" programs "$each"
done
steps_end
