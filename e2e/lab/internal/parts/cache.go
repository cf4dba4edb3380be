package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The cache holds a folder for each build, one below partsFolder for each
// build of a part, and while something is built folders with stagingPrefix.
const (
	partsFolder   = "parts"
	stagingPrefix = "building-"
)

// What is kept beside what is in use: so many builds, and whatever was used so
// recently that somebody may be about to bring a lab up with it.
const (
	keptBuilds = 2
	keptFor    = 24 * time.Hour
)

func goVersion(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "go", "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version: %w", err)
	}
	return string(version), nil
}

// key names a build of a part: the same sources, the same way to build them
// and the same Go make the same key.
func (p part) key(source, toolchain string) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s%+v\n", toolchain, p)
	for _, root := range append([]string{filepath.Join(p.dir, "go.mod"), filepath.Join(p.dir, "go.sum")}, p.sources...) {
		err := filepath.WalkDir(filepath.Join(source, root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			fmt.Fprintf(&text, "%s %d\n%s", strings.TrimPrefix(path, source), len(data), data)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the sources of %s: %w", p.name, err)
		}
	}
	return keyOf(text.String()), nil
}

func keyOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:16]
}

// used tells whether a build is there, and notes that it is used now.
func used(folder string) bool {
	now := time.Now()
	return os.Chtimes(folder, now, now) == nil
}

// linkAll links all files of a folder, symbolic links too, into another.
func linkAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.Link(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// prune removes old builds from a cache: what is neither in use, nor among the
// last of its kind, nor used lately.
func prune(cache string, inUse []string) error {
	builds, err := folders(cache)
	if err != nil {
		return err
	}
	builds = slices.DeleteFunc(builds, func(b build) bool {
		return b.kind == partsFolder || strings.HasPrefix(b.kind, strings.TrimSuffix(stagingPrefix, "-"))
	})
	parts, err := folders(filepath.Join(cache, partsFolder))
	if err != nil {
		return err
	}
	for i := range builds {
		builds[i].kind = ""
	}
	kept := map[string]int{}
	var errs []error
	for _, b := range append(builds, parts...) {
		if kept[b.kind]++; kept[b.kind] <= keptBuilds || slices.Contains(inUse, b.path) || time.Since(b.used) < keptFor {
			continue
		}
		errs = append(errs, os.RemoveAll(b.path))
	}
	return errors.Join(errs...)
}

// build is a folder of the cache. Its kind is its name up to the last hyphen.
type build struct {
	path, kind string
	used       time.Time
}

// folders lists those in a folder, the last used first.
func folders(dir string) ([]build, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []build
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !entry.IsDir() {
			continue
		}
		kind := entry.Name()
		if i := strings.LastIndexByte(kind, '-'); i > 0 {
			kind = kind[:i]
		}
		found = append(found, build{filepath.Join(dir, entry.Name()), kind, info.ModTime()})
	}
	slices.SortFunc(found, func(a, b build) int { return b.used.Compare(a.used) })
	return found, nil
}
