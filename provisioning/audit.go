package provisioning

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"usher/sql/store"
)

// AuditLog lists what administrators did, newest first, at most size; next is
// the Before of the following page, 0 after the last.
func (s *Service) AuditLog(ctx context.Context, tenant store.Tenant, f AuditFilter, size int) (rows []AuditRow, next int64, err error) {
	if !isStorable(f.Actor + f.Action + f.Object) {
		return nil, 0, invalid("filter", "text without NUL characters")
	}
	if f.Before < 0 {
		return nil, 0, invalid("before", "the number of a row")
	}
	rows, err = s.store.AuditPage(ctx, tenant.ID, f, size+1)
	if len(rows) > size {
		rows = rows[:size]
		next = rows[size-1].Seq
	}
	return rows, next, err
}

// AuditHead returns both ends of a tenant's chain.
func (s *Service) AuditHead(ctx context.Context, tenant store.Tenant) (AuditHead, error) {
	return s.store.AuditHead(ctx, tenant.ID)
}

// AuditMark is a place in a chain, to be noted where nobody who can write to
// the database can change it. Its text is NUMBER:HASH.
type AuditMark struct {
	Seq  int64
	Hash store.Hex
}

func (m AuditMark) String() string { return fmt.Sprintf("%d:%x", m.Seq, []byte(m.Hash)) }

// ParseAuditMark reads what String writes.
func ParseAuditMark(text string) (AuditMark, error) {
	number, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	sum, hashErr := hex.DecodeString(hash)
	if err != nil || hashErr != nil || seq < 1 || len(sum) != 32 || strconv.FormatInt(seq, 10) != number {
		return AuditMark{}, invalid("head", "NUMBER:HASH as “usher audit verify” has printed it")
	}
	return AuditMark{Seq: seq, Hash: sum}, nil
}

// AuditFault is the first place at which a chain is broken.
type AuditFault struct {
	Seq     int64 // the row's number
	Problem string
}

func (f *AuditFault) Error() string { return fmt.Sprintf("row %d: %s", f.Seq, f.Problem) }

// AuditReport is what verifying a chain has found. It holds as far as Rows when
// an *AuditFault came with it.
type AuditReport struct {
	TenantID string
	Base     AuditMark // the last row that retention has dropped; number 0 = none
	Rows     int64     // checked
	Head     AuditMark // the last row checked; note it outside of the machine
}

// chain checks rows one after the other.
type chain struct {
	AuditReport
	noted *AuditMark // must be met; nil = nothing noted
}

func newChain(tenant string, base AuditMark, noted *AuditMark) (*chain, error) {
	c := &chain{AuditReport: AuditReport{TenantID: tenant, Base: base, Head: base}, noted: noted}
	if noted == nil || noted.Seq > base.Seq {
		return c, nil
	}
	if noted.Seq < base.Seq {
		return c, &AuditFault{noted.Seq, "the row that was noted has been dropped by retention; note a newer one"}
	}
	return c, c.meet(base)
}

func (c *chain) meet(at AuditMark) error {
	if c.noted != nil && c.noted.Seq == at.Seq && !bytes.Equal(c.noted.Hash, at.Hash) {
		return &AuditFault{at.Seq, "its hash is not the one that was noted: rows up to here were changed"}
	}
	return nil
}

func (c *chain) next(row AuditRow) error {
	want := c.Head.Seq + 1
	switch {
	case row.Seq > want:
		return &AuditFault{want, "the row is missing"}
	case row.Seq < want:
		return &AuditFault{row.Seq, "the row is out of order or there twice"}
	case !bytes.Equal(row.Hash, row.HashAfter(c.TenantID, c.Head.Hash)):
		return &AuditFault{row.Seq, "the row, or one before it, was changed"}
	}
	c.Head = AuditMark{row.Seq, row.Hash}
	c.Rows++
	return c.meet(c.Head)
}

// end is asked once all rows are checked, with what the head says.
func (c *chain) end(head AuditMark) error {
	switch {
	case c.noted != nil && c.noted.Seq > c.Head.Seq:
		return &AuditFault{c.Head.Seq + 1, fmt.Sprintf("the row is missing: the log went as far as row %d when it was noted", c.noted.Seq)}
	case head.Seq > c.Head.Seq:
		return &AuditFault{c.Head.Seq + 1, fmt.Sprintf("the row is missing: the log goes as far as row %d", head.Seq)}
	case head.Seq < c.Head.Seq:
		return &AuditFault{head.Seq + 1, "the row is there, but the head does not know of it"}
	case !bytes.Equal(head.Hash, c.Head.Hash):
		return &AuditFault{head.Seq, "the head has another hash than the last row"}
	}
	return nil
}

// ActorNames returns how those who made these changes are called, by what the
// changes have as their actor. The audit log knows it, also of accounts that
// are gone; whom it does not know (any more) is missing.
func (s *Service) ActorNames(ctx context.Context, tenant store.Tenant, changes []Change) (map[string]string, error) {
	var actors []string
	for _, change := range changes {
		if change.Actor != "" && !slices.Contains(actors, change.Actor) {
			actors = append(actors, change.Actor)
		}
	}
	return s.store.ActorNames(ctx, tenant.ID, actors)
}

// auditBatch is how many rows are read at once.
const auditBatch = 1000

// VerifyAudit recomputes a tenant's chain from the database. noted is a head of
// earlier times, which the chain must still contain; nil = none. The error is
// an *AuditFault where the chain is broken.
func (s *Service) VerifyAudit(ctx context.Context, tenant store.Tenant, noted *AuditMark) (AuditReport, error) {
	for {
		from, err := s.store.AuditHead(ctx, tenant.ID)
		if err != nil {
			return AuditReport{}, err
		}
		report, err := s.verifyFrom(ctx, tenant, from, noted)
		broken, isFault := errors.AsType[*AuditFault](err)
		if !isFault {
			return report, err
		}
		// Retention may have dropped rows that were not read yet.
		now, headErr := s.store.AuditHead(ctx, tenant.ID)
		if headErr != nil || now.BaseSeq == from.BaseSeq || now.BaseSeq < broken.Seq {
			return report, errors.Join(err, headErr)
		}
	}
}

func (s *Service) verifyFrom(ctx context.Context, tenant store.Tenant, from AuditHead, noted *AuditMark) (AuditReport, error) {
	c, err := newChain(tenant.ID, AuditMark{from.BaseSeq, from.BaseHash}, noted)
	if err != nil {
		return c.AuditReport, err
	}
	for {
		rows, err := s.store.AuditAfter(ctx, tenant.ID, c.Head.Seq, auditBatch)
		if err != nil {
			return c.AuditReport, err
		}
		for _, row := range rows {
			if err := c.next(row); err != nil {
				return c.AuditReport, err
			}
		}
		if len(rows) > 0 {
			continue
		}
		// Read after the rows: it knows of all of them, and perhaps of more.
		head, err := s.store.AuditHead(ctx, tenant.ID)
		if err != nil {
			return c.AuditReport, err
		}
		newer, err := s.store.AuditAfter(ctx, tenant.ID, c.Head.Seq, 1)
		if err != nil {
			return c.AuditReport, err
		}
		if len(newer) == 0 || head.Seq == c.Head.Seq {
			return c.AuditReport, c.end(AuditMark{head.Seq, head.Hash})
		}
	}
}

// An export is JSON lines: this header, and then each row, oldest first.
type exportHeader struct {
	Format   string    `json:"format"`
	TenantID string    `json:"tenant"`
	BaseSeq  int64     `json:"base_seq"`
	BaseHash store.Hex `json:"base_hash"`
	Seq      int64     `json:"seq"`
	Hash     store.Hex `json:"hash"`
}

const (
	exportFormat = "usher audit 1"
	// maxExportLine is the longest line of an export, in bytes.
	maxExportLine = 1 << 20
)

// ExportAudit writes a tenant's chain as JSON lines, for VerifyAuditFile.
func (s *Service) ExportAudit(ctx context.Context, tenant store.Tenant, w io.Writer) error {
	head, err := s.store.AuditHead(ctx, tenant.ID)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	if err := encoder.Encode(exportHeader{
		exportFormat, tenant.ID, head.BaseSeq, head.BaseHash, head.Seq, head.Hash,
	}); err != nil {
		return fmt.Errorf("provisioning: audit export: %w", err)
	}
	for at := head.BaseSeq; at < head.Seq; {
		rows, err := s.store.AuditAfter(ctx, tenant.ID, at, auditBatch)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break // cut short: verifying it says so
		}
		for _, row := range rows {
			at = row.Seq
			if at > head.Seq {
				break
			}
			if err := encoder.Encode(row); err != nil {
				return fmt.Errorf("provisioning: audit export: %w", err)
			}
		}
	}
	return nil
}

// errExport is wrapped by what is wrong with the form of an export.
var errExport = errors.New("not an export of the audit log")

// VerifyAuditFile recomputes the chain of an export, without any database. The
// error is an *AuditFault where the chain is broken, or says why the file is
// none.
func VerifyAuditFile(r io.Reader, noted *AuditMark) (AuditReport, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExportLine)
	var header exportHeader
	if !lines.Scan() || readExportLine(lines.Bytes(), &header) != nil || header.Format != exportFormat {
		return AuditReport{}, errors.Join(errExport, lines.Err())
	}
	c, err := newChain(header.TenantID, AuditMark{header.BaseSeq, header.BaseHash}, noted)
	if err != nil {
		return c.AuditReport, err
	}
	for lines.Scan() {
		var row AuditRow
		if err := readExportLine(lines.Bytes(), &row); err != nil {
			return c.AuditReport, &AuditFault{c.Head.Seq + 1, "the line is not as it was exported"}
		}
		if err := c.next(row); err != nil {
			return c.AuditReport, err
		}
	}
	if err := lines.Err(); err != nil {
		return c.AuditReport, fmt.Errorf("%w: %w", errExport, err)
	}
	return c.AuditReport, c.end(AuditMark{header.Seq, header.Hash})
}

// readExportLine takes a line in the one form in which it is written: nothing
// missing, repeated, added or spelled another way.
func readExportLine(line []byte, into any) error {
	if err := json.Unmarshal(line, into); err != nil {
		return err
	}
	written, err := json.Marshal(into)
	if err != nil || !bytes.Equal(written, line) {
		return errExport
	}
	return nil
}
