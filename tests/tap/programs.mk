# SPDX-License-Identifier: GPL-2.0-only
#
# Test programs that print TAP. Before a Makefile includes this, it sets
#
#	out	the folder where they are built
#	tests	folders: each source in them is a program
#	shared	folders: their sources are in all of the programs
#
#	make			builds them
#	make run		runs them here (needs /dev/kchan)
#	make names		prints their names

top	:= ../..

CFLAGS	?= -O2 -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic \
	-I$(top)/include/uapi $(addprefix -I,$(shared)) -pthread $(CFLAGS)
# Static, so that a guest needs no libraries.
ALL_LDFLAGS := -static -pthread $(LDFLAGS)

sources	= $(wildcard $(addsuffix /*.c,$(1)))
stems	= $(sort $(basename $(notdir $(call sources,$(1)))))
names	:= $(call stems,$(tests))
programs := $(addprefix $(out)/,$(names))
objects	:= $(patsubst %,$(out)/%.o,$(call stems,$(shared)))

# All of them are built to one folder.
ifneq ($(words $(call stems,$(shared) $(tests))),$(words $(call sources,$(shared) $(tests))))
$(error two sources have the same name)
endif

VPATH	:= $(shared) $(tests)

all: $(programs)

$(out)/%.o: %.c $(wildcard $(addsuffix /*.h,$(shared))) \
		$(top)/include/uapi/linux/kchan.h $(MAKEFILE_LIST)
	@mkdir -p $(out)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(programs): $(out)/%: $(out)/%.o $(objects)
	$(CC) -o $@ $^ $(ALL_LDFLAGS) -lm

run: $(programs)
	@status=0; for p in $(programs); do \
		echo "# $$(basename $$p)"; $$p || status=1; \
	done; exit $$status

names:
	@echo $(names)

clean:
	rm -rf $(out)

.PHONY: all run names clean
.SECONDARY:
