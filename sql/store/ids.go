package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// NewID returns a fresh UUIDv7 (RFC 9562 §5.7): random, and in the order of
// time, so that new rows land at the end of an index.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return id.String(), nil
}

// NewIDAt is NewID for something that is made at a time. That of NewID is the
// machine's.
func NewIDAt(at time.Time) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(at.UnixMilli()))
	copy(id[:6], milliseconds[2:])
	return id.String(), nil
}

// MadeAt is the millisecond in which an id was made (RFC 9562 §5.7), the zero time
// for a text that is none.
func MadeAt(text string) time.Time {
	id, err := uuid.Parse(text)
	if err != nil || id.Version() != 7 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)))) //nolint:gosec // 48 bits
}

// IsID reports whether a text can be the id of a row: a UUID in the one form in
// which they are written here.
func IsID(text string) bool {
	if len(text) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}
