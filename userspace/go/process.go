// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// The environment variable that tells a child which descriptors are ends: as of
// libkchan's kc_process_start() and kc_inherit().
const endsVariable = "KCHAN_FDS"

// Pass gives a child that has not been started yet ends of channels, by name. Each has the
// directions of the end that is given. A child in Go finds it with [Inherited], one in C
// with kc_inherit(). They come after what cmd.ExtraFiles has. Call it once for a child,
// after cmd.Env was set.
//
// The files are these ends in this process. Call release once the child was started, or
// was not. Else the channels do not close with the child's ends.
func Pass(cmd *exec.Cmd, ends map[string]*End) (release func(), err error) {
	var files []*os.File
	var names, told []string

	release = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for name := range ends {
		if name == "" || strings.ContainsAny(name, ",\x00") {
			return release, failed("pass", syscall.EINVAL)
		}
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f, err := ends[name].File()
		if err != nil {
			release()
			return func() {}, err
		}
		told = append(told, fmt.Sprintf("%d:%s", 3+len(cmd.ExtraFiles)+len(files), name))
		files = append(files, f)
	}
	env := cmd.Env
	if env == nil {
		env = os.Environ()
	}
	// Of a variable that is there twice, the last one counts.
	cmd.Env = append(env[:len(env):len(env)], endsVariable+"="+strings.Join(told, ","))
	cmd.ExtraFiles = append(cmd.ExtraFiles, files...)
	return release, nil
}

// Inherited finds an end that this process was given when it was started, for [FromFile],
// [SendFromFile] or [RecvFromFile]. It may be called once for each name. It fails with
// fs.ErrNotExist if there is no such end.
func Inherited(name string) (*os.File, error) {
	for _, each := range strings.Split(os.Getenv(endsVariable), ",") {
		number, its, _ := strings.Cut(each, ":")
		fd, err := strconv.Atoi(number)
		if err != nil || fd < 0 || its != name {
			continue
		}
		syscall.CloseOnExec(fd)
		return os.NewFile(uintptr(fd), name), nil
	}
	return nil, &Error{"inherited", os.ErrNotExist}
}
