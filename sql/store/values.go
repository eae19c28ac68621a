package store

import "time"

// null turns "" into SQL's NULL.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// text turns SQL's NULL into "".
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// nonNil turns a nil list into an empty one, which JSON writes as [].
func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func duration(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }
