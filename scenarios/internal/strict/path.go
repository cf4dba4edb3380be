package strict

import (
	"fmt"
	"regexp"
	"strings"
)

var plainKey = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// Key is the path of a key of the mapping at path, as Kubernetes writes paths: a.b, or a[b.c/d] if the key holds other
// characters.
func Key(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return fmt.Sprintf("%s[%s]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// Index is the path of an element of the list at path.
func Index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent is the path of what holds the value at path; "" for the whole file. Keys within brackets may hold any character but brackets.
func parent(path string) string {
	if open := strings.LastIndexByte(path, '['); open >= 0 && strings.HasSuffix(path, "]") {
		return path[:open]
	}
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		return path[:dot]
	}
	return ""
}
