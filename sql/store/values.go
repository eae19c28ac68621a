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
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func duration(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

// inUTC is a time that may be missing, as all others are returned.
func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}
