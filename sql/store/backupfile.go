package store

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// A backup is gzip (RFC 1952) of lines of JSON (RFC 8259):
//
//	{"backup":"usher","format":1,"schema":29,"at":"2026-11-22T10:00:00Z"}
//	{"table":"tenants","columns":[{"name":"id","kind":"text"}, …]}
//	["0192…", …]                   a row, its values in the order of the columns
//	{"end":{"tables":{"tenants":1,…},"sha256":"5f0c…"}}
//
// Bytes are base64, times RFC 3339 in UTC. Each table comes after those that it
// refers to. The SHA-256 is that of all bytes before the last line.

const (
	backupFormat = 1
	// maxBackupLine bounds a line that is read, in bytes. The longest that is
	// written is a part of an import, of some MiB.
	maxBackupLine = 64 << 20
)

// ErrBadBackup means that a file is no whole and unaltered backup.
var ErrBadBackup = errors.New("this is no whole backup")

func badBackup(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrBadBackup, fmt.Sprintf(format, a...))
}

type backupHead struct {
	Backup string    `json:"backup"`
	Format int       `json:"format"`
	Schema int64     `json:"schema"`
	At     time.Time `json:"at"`
}

type backupTable struct {
	Table   string   `json:"table"`
	Columns []column `json:"columns"`
}

type backupEnd struct {
	End struct {
		Tables map[string]int64 `json:"tables"`
		SHA256 string           `json:"sha256"`
	} `json:"end"`
}

// BackupSummary says what a backup holds.
type BackupSummary struct {
	Schema int64     // the newest step of the schema
	At     time.Time // the moment that it shows
	Tables map[string]int64
	SHA256 string // of the lines before the last, in hexadecimal
	// Heads are the first five bytes of the sealed values in it, each once: they
	// name the master keys that open them.
	Heads [][]byte
}

// Rows counts those of all tables.
func (s BackupSummary) Rows() (n int64) {
	for _, rows := range s.Tables {
		n += rows
	}
	return n
}

// backupWriter writes the lines.
type backupWriter struct {
	zip   *gzip.Writer
	out   *bufio.Writer // to both of the following
	hash  hash.Hash
	lines *json.Encoder
}

func newBackupWriter(w io.Writer) (*backupWriter, error) {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	b := &backupWriter{zip: zip, hash: sha256.New()}
	b.out = bufio.NewWriterSize(io.MultiWriter(zip, b.hash), 1<<16)
	b.lines = json.NewEncoder(b.out)
	b.lines.SetEscapeHTML(false)
	return b, nil
}

// end writes the last line and what the compression still holds.
func (b *backupWriter) end(tables map[string]int64) (sum string, err error) {
	if err := b.out.Flush(); err != nil {
		return "", err
	}
	var last backupEnd
	last.End.Tables, last.End.SHA256 = tables, hex.EncodeToString(b.hash.Sum(nil))
	if err := b.lines.Encode(last); err != nil {
		return "", err
	}
	return last.End.SHA256, errors.Join(b.out.Flush(), b.zip.Close())
}

// backupVisitor is told what a backup holds, in its order. A line that row is
// given is good until the next call.
type backupVisitor struct {
	head  func(h backupHead) error
	table func(t backupTable) error
	row   func(line []byte) error
}

// readBackup walks through a backup. Every error but those of the visitor and of
// r itself is an ErrBadBackup; that the file is whole is known at the end alone.
func readBackup(r io.Reader, visit backupVisitor) (BackupSummary, error) {
	var sum BackupSummary
	packed := bufio.NewReader(r) // gzip takes no byte of it that comes after its own end
	zip, err := gzip.NewReader(packed)
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return sum, badBackup("it is not compressed by gzip")
	case err != nil:
		return sum, err
	}
	zip.Multistream(false)
	in := bufio.NewReaderSize(zip, 1<<16)
	hashed := sha256.New()
	var line []byte
	if line, err = backupLine(in, line); err != nil {
		return sum, err
	}
	var head backupHead
	if json.Unmarshal(line, &head) != nil || head.Backup != "usher" {
		return sum, badBackup("it does not begin as one of Usher's does")
	}
	if head.Format != backupFormat {
		return sum, badBackup("it has format %d, and this version knows %d: a newer version reads it", head.Format, backupFormat)
	}
	hashed.Write(line)
	sum.Schema, sum.At, sum.Tables = head.Schema, head.At, map[string]int64{}
	if err := visit.head(head); err != nil {
		return sum, err
	}
	table := ""
	for {
		if line, err = backupLine(in, line); err != nil {
			return sum, err
		}
		switch {
		case line[0] == '[' && table != "":
			sum.Tables[table]++
			err = visit.row(line)
		case bytes.HasPrefix(line, []byte(`{"table":`)):
			var next backupTable
			if json.Unmarshal(line, &next) != nil || next.Table == "" {
				return sum, badBackup("a table's line is damaged")
			}
			if _, twice := sum.Tables[next.Table]; twice {
				return sum, badBackup("the table %q comes twice", next.Table)
			}
			table = next.Table
			sum.Tables[table] = 0
			err = visit.table(next)
		case bytes.HasPrefix(line, []byte(`{"end":`)):
			return sum, sum.check(line, hashed.Sum(nil), in, packed)
		default:
			return sum, badBackup("after %d rows of %q comes something unknown", sum.Tables[table], table)
		}
		if err != nil {
			return sum, err
		}
		hashed.Write(line)
	}
}

// check compares what was read with what the last line says. Nothing may be left of
// rest, nor then of packed, which it unpacks.
func (s *BackupSummary) check(line, hashed []byte, rest, packed io.Reader) error {
	var last backupEnd
	if json.Unmarshal(line, &last) != nil {
		return badBackup("its last line is damaged")
	}
	s.SHA256 = hex.EncodeToString(hashed)
	if subtle.ConstantTimeCompare([]byte(s.SHA256), []byte(last.End.SHA256)) != 1 {
		return badBackup("it was altered: its SHA-256 is not what it says")
	}
	if len(last.End.Tables) != len(s.Tables) {
		return badBackup("it has %d tables and says %d", len(s.Tables), len(last.End.Tables))
	}
	for table, rows := range last.End.Tables {
		if s.Tables[table] != rows {
			return badBackup("it has %d rows of %q and says %d", s.Tables[table], table, rows)
		}
	}
	for _, r := range []io.Reader{rest, packed} { // gzip's own sum stands at its end
		if n, err := io.Copy(io.Discard, r); n > 0 || err != nil {
			return badBackup("it does not stop at its end")
		}
	}
	return nil
}

// backupLine reads one line, with its end, into buffer.
func backupLine(in *bufio.Reader, buffer []byte) ([]byte, error) {
	line := buffer[:0]
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxBackupLine:
			return line, badBackup("a line is longer than %d MiB", maxBackupLine>>20)
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return line, badBackup("its end is missing")
		case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
			return line, badBackup("it is damaged")
		default:
			if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt {
				return line, badBackup("it is damaged")
			}
			return line, err
		}
	}
}
